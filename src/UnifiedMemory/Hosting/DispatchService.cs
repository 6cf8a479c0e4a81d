using Microsoft.Extensions.Hosting;

namespace UnifiedMemory.Hosting;

/// <summary>Delivers a store's insights while the host runs, and for a while longer when it stops.</summary>
internal sealed class DispatchService(UnifiedMemoryStore store, InsightOptions options, TimeProvider time) : BackgroundService
{
    /// <summary>For what is to be written down at the end. What a database that does not answer keeps from it waits for the end of its lease.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _abort = new(Timeout.InfiniteTimeSpan, time);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _abort.CancelAfter(options.DrainTimeout);
        using var registration = cancellationToken.Register(_abort.Cancel);
        using var latest = new CancellationTokenSource(options.DrainTimeout + Grace, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(latest.Token, cancellationToken);

        // Not awaited alone: what it cancels first asks the server to cancel a statement, in place, and a silent one is waited for.
        var stopping = Task.Run(() => base.StopAsync(either.Token), CancellationToken.None);
        await stopping.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public override void Dispose()
    {
        base.Dispose();
        _abort.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        options.PollInterval == TimeSpan.Zero ? Task.CompletedTask : store.RunDispatcherAsync(stoppingToken, _abort.Token);
}
