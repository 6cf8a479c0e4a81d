using Microsoft.Extensions.Hosting;

namespace UnifiedMemory.Hosting;

/// <summary>A service that its host waits for no longer than it wants to, whatever the database does.</summary>
internal abstract class PromptlyStoppedService : BackgroundService
{
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // Not awaited alone: whoever cancels a statement asks the server to end it, in place, and waits for a silent one.
        var stopping = Task.Run(() => base.StopAsync(cancellationToken), CancellationToken.None);
        await stopping.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
