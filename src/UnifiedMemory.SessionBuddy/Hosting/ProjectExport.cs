using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy.Monitoring;

namespace UnifiedMemory.SessionBuddy.Hosting;

/// <summary>Writes patterns and dependencies into Session-Buddy's file from time to time, where the file is used.</summary>
internal sealed class ProjectExport(
    UnifiedMemoryStore store, SessionBuddyOptions options, ILoggerFactory loggerFactory, TimeProvider time) : BackgroundService
{
    private readonly ILogger _logger = loggerFactory.CreateLogger<ProjectExport>();
    private readonly SessionBuddyFile _file = new(options.FilePath, loggerFactory, time) { CollectionTag = options.CollectionTag };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.FileUse == SessionBuddyFileUse.Never || options.ExportInterval == TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(options.ExportInterval, time);
        do
            await ExportAsync(stoppingToken).ConfigureAwait(false);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    /// <summary>A file that is in use is what to expect while Session-Buddy runs.</summary>
    private async Task ExportAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _file.ExportProjectsAsync(store, stoppingToken).ConfigureAwait(false);
        }
        catch (UnifiedMemoryException exception) when (exception is { Operation: "export", IsTransient: true })
        {
            Log.ExportPostponed(_logger, exception.Message);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            Log.ExportFailed(_logger, exception);
        }
    }
}
