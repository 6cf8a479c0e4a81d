using Microsoft.Extensions.Logging;

namespace UnifiedMemory.SessionBuddy.Monitoring;

/// <summary>Every log line of this package. Ids are stable. No memory content.</summary>
internal static partial class Log
{
    [LoggerMessage(301, LogLevel.Information, "Session with Session-Buddy {Version} at {Endpoint}; its store_reflection takes a project: {TakesProject}")]
    public static partial void SessionStarted(ILogger logger, string endpoint, string? version, bool takesProject);

    [LoggerMessage(302, LogLevel.Warning, "The session with Session-Buddy at {Endpoint} is over ({Reason}); a new one is started")]
    public static partial void SessionLost(ILogger logger, string endpoint, string reason);

    [LoggerMessage(303, LogLevel.Warning, "Nobody answers at {Endpoint}: insights go into the file {Path} until Session-Buddy is back")]
    public static partial void UsingFile(ILogger logger, string endpoint, string path);

    [LoggerMessage(304, LogLevel.Information, "Session-Buddy at {Endpoint} is back: insights go there again")]
    public static partial void UsingServer(ILogger logger, string endpoint);

    [LoggerMessage(305, LogLevel.Information, "Insight {Id} is too long for one reflection and goes in {Parts} parts")]
    public static partial void Split(ILogger logger, Guid id, int parts);

    [LoggerMessage(306, LogLevel.Warning, "Session-Buddy at {Endpoint} has no tool that finds a tag: an insight that may have arrived is sent again and may be there twice")]
    public static partial void CannotLook(ILogger logger, string endpoint);

    [LoggerMessage(310, LogLevel.Information, "Exported {Patterns} patterns, {Dependencies} dependencies and {Groups} groups of projects to {Path}")]
    public static partial void Exported(ILogger logger, int patterns, int dependencies, int groups, string path);

    [LoggerMessage(311, LogLevel.Debug, "Patterns and dependencies are not exported now: {Reason}")]
    public static partial void ExportPostponed(ILogger logger, string reason);

    [LoggerMessage(312, LogLevel.Error, "Exporting patterns and dependencies failed; it is tried again at the next interval")]
    public static partial void ExportFailed(ILogger logger, Exception exception);

    [LoggerMessage(320, LogLevel.Information, "Imported {Table}: {Read} read, {Created} created, {AlreadyStored} already stored, {Rejected} rejected")]
    public static partial void Imported(ILogger logger, string table, long read, long created, long alreadyStored, long rejected);
}
