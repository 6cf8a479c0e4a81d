using Microsoft.Extensions.Logging;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Hosting;

/// <summary>What a store does in a host: the schema when it starts; purging and looking after the indexes while it runs.</summary>
internal sealed class StoreService(UnifiedMemoryStore store, UnifiedMemoryOptions options, ILogger logger, TimeProvider time) : PromptlyStoppedService
{
    private bool _toldWhyNot;

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
        await Task.WhenAll(
            EachAsync(options.PurgeInterval, () => store.PurgeExpiredAsync(stoppingToken), Log.PurgeFailed, stoppingToken),
            EachAsync(options.Indexes.Interval, () => MaintainIndexesAsync(stoppingToken), Log.MaintenanceFailed, stoppingToken)).ConfigureAwait(false);
    }

    private async Task EachAsync(TimeSpan interval, Func<Task> work, Action<ILogger, Exception> onFailure, CancellationToken stoppingToken)
    {
        if (interval == TimeSpan.Zero)
            return;
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            await AttemptAsync(work, onFailure, stoppingToken).ConfigureAwait(false);
    }

    /// <summary>A host whose role or connection does not allow it says so once; another host is to do it.</summary>
    private async Task MaintainIndexesAsync(CancellationToken stoppingToken)
    {
        try
        {
            await store.TryMaintainIndexesAsync(stoppingToken).ConfigureAwait(false);
            _toldWhyNot = false;
        }
        catch (UnifiedMemoryException exception) when (exception is { Operation: "maintain_indexes", IsTransient: false, InnerException: null })
        {
            if (!_toldWhyNot)
                Log.MaintenanceImpossible(logger, exception.Message);
            _toldWhyNot = true;
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
