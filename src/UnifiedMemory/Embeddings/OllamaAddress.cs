using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace UnifiedMemory.Embeddings;

/// <summary>Reads <c>OLLAMA_HOST</c> as Ollama's own clients do, and shows addresses without credentials.</summary>
internal static class OllamaAddress
{
    private const int DefaultPort = 11434;

    /// <summary>
    /// The address that <c>OLLAMA_HOST</c> means. It may lack the scheme (<c>http</c>), the host (<c>localhost</c>) or the port:
    /// 11434 without a scheme, else the scheme's own 80 or 443 (ollama/envconfig/config.go). An address to listen on
    /// (<c>0.0.0.0</c>, <c>::</c>) becomes loopback. What cannot be read is the default, as in Ollama.
    /// </summary>
    public static Uri Parse(string? value)
    {
        var text = value?.Trim().Trim('"', '\'') ?? "";
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        var rest = schemeEnd < 0 ? text : text[(schemeEnd + 3)..];
        // An IPv6 address without brackets has no port. (With brackets and a port, IPAddress would read it and drop the port.)
        if (!rest.StartsWith('[') && IPAddress.TryParse(rest, out var bare) && bare.AddressFamily == AddressFamily.InterNetworkV6)
            rest = $"[{rest}]";
        else if (rest.StartsWith(':'))
            rest = "localhost" + rest;

        var scheme = schemeEnd < 0 ? "http" : text[..schemeEnd];
        if (rest.Length == 0 || !Uri.TryCreate($"{scheme}://{rest}", UriKind.Absolute, out var address)
            || address.Scheme is not ("http" or "https"))
            return new Uri(string.Create(CultureInfo.InvariantCulture, $"http://localhost:{DefaultPort}/"));

        var builder = new UriBuilder(address) { UserName = "", Password = "" };
        if (schemeEnd < 0 && !HasPort(rest))
            builder.Port = DefaultPort;
        if (IPAddress.TryParse(address.DnsSafeHost, out var ip) && (ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any)))
            builder.Host = ip.Equals(IPAddress.Any) ? "127.0.0.1" : "[::1]";
        return builder.Uri;
    }

    /// <summary>The address with a final slash, so that relative paths go below it.</summary>
    public static Uri WithSlash(Uri address) =>
        address.AbsolutePath.EndsWith('/') ? address : new UriBuilder(address) { Path = address.AbsolutePath + "/" }.Uri;

    private static bool HasPort(string rest)
    {
        var authority = rest.Split('/', 2)[0];
        return authority.LastIndexOf(':') > authority.LastIndexOf(']');
    }
}
