using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Hosting;

/// <summary>What a store does in a host: the schema when it starts, purging while it runs.</summary>
internal sealed class StoreService(UnifiedMemoryStore store, UnifiedMemoryOptions options, ILogger logger, TimeProvider time) : BackgroundService
{
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
        if (options.PurgeInterval == TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(options.PurgeInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            await AttemptAsync(() => store.PurgeExpiredAsync(stoppingToken), Log.PurgeFailed, stoppingToken).ConfigureAwait(false);
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
