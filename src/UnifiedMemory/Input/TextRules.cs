using System.Buffers;
using System.Text;

namespace UnifiedMemory.Input;

/// <summary>What every text must fulfil before it is sent to the server.</summary>
internal static class TextRules
{
    public const int MaxNameLength = 256;

    private static readonly SearchValues<char> NamespaceCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-");

    /// <summary>Requires a text that is not blank, can be stored, and has at most so many characters.</summary>
    public static void Require(string? text, string name, int maxLength)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw new ArgumentException($"{name} is blank. Give it a value.");
        RequireStorable(text, name, maxLength);
    }

    /// <summary>The same for a text that may be missing.</summary>
    public static void RequireIfGiven(string? text, string name)
    {
        if (text is not null)
            Require(text, name, MaxNameLength);
    }

    /// <summary>Requires content or a query: not blank, storable, and at most so many bytes of UTF-8.</summary>
    public static void RequireContent(string? text, string name, int maxBytes)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw new ArgumentException($"{name} is blank. Give a text that can be embedded.");
        RequireStorable(text, name, int.MaxValue);
        var bytes = Encoding.UTF8.GetByteCount(text);
        if (bytes > maxBytes)
        {
            throw new ArgumentException(
                $"{name} has {bytes:N0} bytes of UTF-8; at most {maxBytes:N0} are allowed. "
                + $"Split it into pieces, or raise {nameof(UnifiedMemoryOptions)}.{nameof(UnifiedMemoryOptions.MaxContentBytes)}.");
        }
    }

    public static void RequireNamespace(string? value, string name)
    {
        if (string.IsNullOrEmpty(value) || value.Length > 128 || value.AsSpan().ContainsAnyExcept(NamespaceCharacters))
        {
            throw new ArgumentException(
                $"{name} '{Shown(value)}' is not a namespace: 1 to 128 of A-Z a-z 0-9 . _ : / @ + - are allowed.");
        }
    }

    /// <summary>Tags without duplicates, in the order given.</summary>
    public static string[] RequireTags(IReadOnlyList<string>? tags, string name)
    {
        if (tags is null)
            throw new ArgumentException($"{name} is null. Give an empty list for no tags.");
        if (tags.Count > 64)
            throw new ArgumentException($"{name} has {tags.Count} entries; at most 64 are allowed.");
        foreach (var tag in tags)
            Require(tag, name, MaxNameLength);
        return [.. tags.Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Rejects what PostgreSQL cannot hold (U+0000: SQLSTATE 22021) and what UTF-8 cannot say (half a surrogate pair).</summary>
    public static void RequireStorable(string text, string name, int maxLength)
    {
        if (text.Length > maxLength)
            throw new ArgumentException($"{name} has {text.Length:N0} characters; at most {maxLength:N0} are allowed.");

        var zero = text.IndexOf('\0', StringComparison.Ordinal);
        if (zero >= 0)
            throw new ArgumentException($"{name} holds U+0000 at index {zero}, which PostgreSQL cannot store. Remove it.");

        var i = 0;
        while (text.AsSpan(i).IndexOfAnyInRange('\ud800', '\udfff') is >= 0 and var offset)
        {
            i += offset;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                throw new ArgumentException($"{name} holds half a surrogate pair at index {i}, which is no character. Remove it.");
            i += 2;
        }
    }

    /// <summary>A short and printable form of a value that is no memory content.</summary>
    private static string Shown(string? value) => value is null
        ? "null"
        : new string([.. value.Take(64).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);
}
