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
        if (options.PurgeInterval == TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(options.PurgeInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            try
            {
                await store.PurgeExpiredAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (UnifiedMemoryException exception)
            {
                // The host must not end because the database was away; what is expired stays hidden until the next round.
                Log.PurgeFailed(logger, exception);
            }
        }
    }
}
