using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Indexing;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Hosting;

/// <summary>What a store does in a host: the schema when it starts; purging and looking after the indexes while it runs.</summary>
internal sealed class StoreService(UnifiedMemoryStore store, UnifiedMemoryOptions options, ILogger logger, TimeProvider time) : PromptlyStoppedService
{
    private string? _toldWhyNot;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.MigrateOnStart == MigrateOnStart.Apply)
            await store.MigrateAsync(cancellationToken).ConfigureAwait(false);
        if (options.MigrateOnStart != MigrateOnStart.Off)
            await store.OpenAsync(cancellationToken).ConfigureAwait(false);
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // With Off, the host starts whatever the database is like; what is wrong with it is said now and not at the first call.
        await AttemptAsync(() => store.OpenAsync(stoppingToken).AsTask(), Log.OpenFailed, stoppingToken).ConfigureAwait(false);
        await Task.WhenAll(PurgeAsync(stoppingToken), MaintainIndexesAsync(stoppingToken)).ConfigureAwait(false);
    }

    private async Task PurgeAsync(CancellationToken stoppingToken)
    {
        if (options.PurgeInterval == TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(options.PurgeInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            await AttemptAsync(() => store.PurgeExpiredAsync(stoppingToken), Log.PurgeFailed, stoppingToken).ConfigureAwait(false);
    }

    private async Task MaintainIndexesAsync(CancellationToken stoppingToken)
    {
        if (options.Indexes.Interval == TimeSpan.Zero)
            return;
        for (var wait = options.Indexes.Interval; ; wait = await MaintainIndexesAsync(wait, stoppingToken).ConfigureAwait(false))
            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(false);
    }

    /// <summary>A host whose role or connection does not allow it says so once; another host is to do it.</summary>
    /// <returns>
    /// How long to wait for the next time: after a failure twice as long. A build that fails after hours is not begun again at once,
    /// and one that brings the server down does so once a day and host. A database that is away is asked again at the usual time.
    /// </returns>
    private async Task<TimeSpan> MaintainIndexesAsync(TimeSpan waited, CancellationToken stoppingToken)
    {
        var interval = options.Indexes.Interval;
        var longer = TimeSpan.FromTicks(Math.Max(interval.Ticks, Math.Min(2 * waited.Ticks, TimeSpan.TicksPerDay)));
        try
        {
            var report = await store.TryMaintainIndexesAsync(stoppingToken).ConfigureAwait(false);
            _toldWhyNot = null;

            // That another host is at it says nothing about how it ends.
            if (report is null)
                return waited;
            if (report.Indexes.All(index => index.Action != IndexAction.Failed))
                return interval;
            Log.MaintenanceFailed(logger, longer, exception: null);
            return longer;
        }
        catch (UnifiedMemoryException exception) when (exception is CannotMaintainException
            or { Operation: "maintain_indexes", SqlState: PostgresErrorCodes.InsufficientPrivilege })
        {
            if (_toldWhyNot != exception.Message)
                Log.MaintenanceImpossible(logger, exception.Message);
            _toldWhyNot = exception.Message;
            return interval;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            var wait = exception is UnifiedMemoryException { IsTransient: true } ? interval : longer;
            Log.MaintenanceFailed(logger, wait, exception);
            return wait;
        }
    }

    /// <summary>The host must not end because the database or the embedding service was away for a while.</summary>
    private async Task AttemptAsync(Func<Task> work, Action<ILogger, Exception> onFailure, CancellationToken stoppingToken)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            onFailure(logger, exception);
        }
    }
}
