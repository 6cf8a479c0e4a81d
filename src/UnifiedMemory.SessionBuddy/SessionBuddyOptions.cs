namespace UnifiedMemory.SessionBuddy;

/// <summary>How insights reach Session-Buddy.</summary>
public sealed class SessionBuddyOptions
{
    /// <summary>Where Session-Buddy speaks MCP over streamable HTTP. Default: <c>http://127.0.0.1:8678/mcp</c>.</summary>
    public Uri Endpoint { get; set; } = new("http://127.0.0.1:8678/mcp");

    /// <summary>
    /// The tag that marks what comes from here. Not <c>user</c> or <c>feedback</c>, which Session-Buddy protects.
    /// Default: <c>mahavishnu_insights</c>.
    /// </summary>
    public string CollectionTag { get; set; } = "mahavishnu_insights";

    /// <summary>How long connecting and starting a session may take. Default: 5 seconds.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long one tool may take to answer. The server may be at work for longer, so what was not answered is not tried again for twice as
    /// long. The store ends a try that takes longer than its own time-out for deliveries, which is 10 seconds by default: raise both for a
    /// slow server. Default: 8 seconds.
    /// </summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>
    /// Whether Session-Buddy's file is written. Its rows are insights (with a type and a quality score), which Session-Buddy's
    /// <c>search_insights</c> finds; what goes through the server is a reflection, which <c>search_reflections</c> finds.
    /// Default: <see cref="SessionBuddyFileUse.Never"/>.
    /// </summary>
    public SessionBuddyFileUse FileUse { get; set; }

    /// <summary>The file. A leading <c>~/</c> is the user's home. Default: <c>~/.claude/data/reflection.duckdb</c>.</summary>
    public string FilePath { get; set; } = "~/.claude/data/reflection.duckdb";

    /// <summary>The quality score of rows in the file, 0 to 1. Default: <c>null</c>, the insight's confidence.</summary>
    public double? QualityScore { get; set; }

    /// <summary>
    /// The extension of DuckDB to load before the file is written, for a file whose reflections have an index of the kind HNSW: <c>vss</c>, where
    /// it is installed for the user of this process, or the path of <c>vss.duckdb_extension</c>. It must be of the version of DuckDB that this
    /// package brings; nothing is downloaded. Default: <c>null</c>, none; then nothing is written into such a file.
    /// </summary>
    public string? VectorExtension { get; set; }

    /// <summary>
    /// How often a host writes patterns and dependencies into the file, the first time when it starts, unless <see cref="FileUse"/> is
    /// <see cref="SessionBuddyFileUse.Never"/>. Zero means never. Default: 15 minutes.
    /// </summary>
    public TimeSpan ExportInterval { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>The endpoint as it may show in logs and reasons: a query may hold a secret.</summary>
    internal string Address => Endpoint.GetLeftPart(UriPartial.Path);

    internal IEnumerable<string> Validate()
    {
        if (Endpoint is not { IsAbsoluteUri: true, Scheme: "http" or "https" })
            yield return $"Endpoint is '{Endpoint}'; give an http or https address, for example http://127.0.0.1:8678/mcp.";
        else if (Endpoint.UserInfo.Length > 0)
            yield return "Endpoint holds a user name or password, which would show in logs; Session-Buddy takes none.";
        if (string.IsNullOrWhiteSpace(CollectionTag) || CollectionTag.Length > 128 || CollectionTag.Any(char.IsControl))
            yield return $"CollectionTag is '{CollectionTag}'; give 1 to 128 characters, for example mahavishnu_insights.";
        else if (CollectionTag is "user" or "feedback")
            yield return $"CollectionTag is '{CollectionTag}', which Session-Buddy protects; give another.";
        if (ConnectTimeout < TimeSpan.FromMilliseconds(100) || ConnectTimeout > TimeSpan.FromMinutes(10))
            yield return $"ConnectTimeout is {ConnectTimeout}; give 00:00:00.1 to 00:10:00.";
        if (CallTimeout < TimeSpan.FromMilliseconds(100) || CallTimeout > TimeSpan.FromMinutes(10))
            yield return $"CallTimeout is {CallTimeout}; give 00:00:00.1 to 00:10:00.";
        if (!Enum.IsDefined(FileUse))
            yield return $"FileUse is {FileUse}; give Never, WhenServerIsDown or Only.";
        if (string.IsNullOrWhiteSpace(FilePath) || FilePath.Contains('\0', StringComparison.Ordinal))
            yield return "FilePath is blank; give the path of reflection.duckdb.";
        if (QualityScore is { } score && !(score is >= 0 and <= 1))
            yield return $"QualityScore is {score}; give 0 to 1, or nothing for the insight's confidence.";
        if (VectorExtension is not null && (string.IsNullOrWhiteSpace(VectorExtension) || VectorExtension.Any(char.IsControl)))
            yield return "VectorExtension is blank; give vss or the path of vss.duckdb_extension, or nothing to load none.";
        if (ExportInterval != TimeSpan.Zero && (ExportInterval < TimeSpan.FromSeconds(1) || ExportInterval > TimeSpan.FromDays(30)))
            yield return $"ExportInterval is {ExportInterval}; give 00:00:01 to 30.00:00:00, or zero for never.";
    }
}
