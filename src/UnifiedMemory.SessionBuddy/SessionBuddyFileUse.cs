namespace UnifiedMemory.SessionBuddy;

/// <summary>Whether insights are written into Session-Buddy's DuckDB file.</summary>
public enum SessionBuddyFileUse
{
    /// <summary>Never: they wait until the server answers.</summary>
    Never,

    /// <summary>When nobody listens at <see cref="SessionBuddyOptions.Endpoint"/>. A running server holds the file locked.</summary>
    WhenServerIsDown,

    /// <summary>Always. The server is never asked.</summary>
    Only,
}
