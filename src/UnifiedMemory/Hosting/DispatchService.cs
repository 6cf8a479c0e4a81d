namespace UnifiedMemory.Hosting;

/// <summary>Delivers a store's insights while the host runs, and for a while longer when it stops.</summary>
internal sealed class DispatchService(UnifiedMemoryStore store, InsightOptions options, TimeProvider time) : PromptlyStoppedService
{
    /// <summary>For what is to be written down at the end. What a database that does not answer keeps from it waits for the end of its lease.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _abort = new(Timeout.InfiniteTimeSpan, time);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _abort.CancelAfter(options.DrainTimeout);
        using var latest = new CancellationTokenSource(options.DrainTimeout + Grace, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(latest.Token, cancellationToken);

        // Registered last, and so called first: nobody waits for this any more once the other one is cancelled.
        using var registration = cancellationToken.Register(() => _ = _abort.CancelAsync());

        await base.StopAsync(either.Token).ConfigureAwait(false);
    }

    public override void Dispose()
    {
        base.Dispose();
        _abort.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        options.PollInterval == TimeSpan.Zero ? Task.CompletedTask : store.RunDispatcherAsync(stoppingToken, _abort.Token);
}
