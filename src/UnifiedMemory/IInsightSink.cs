namespace UnifiedMemory;

/// <summary>
/// A system that receives the store's insights. It is called in the background, one insight at a time within a namespace, at
/// least once for each: it keeps them apart by <see cref="Insight.Id"/>.
/// </summary>
public interface IInsightSink
{
    /// <summary>
    /// The sink's name, which its deliveries are kept under: 1 to 64 characters, the same at each start. Memories with it as
    /// <see cref="NewMemory.SourceSystem"/> came from there and are not delivered to it.
    /// </summary>
    string Name { get; }

    /// <summary>Delivers one insight.</summary>
    /// <param name="insight">The insight.</param>
    /// <param name="cancellationToken">
    /// Cancelled when the try takes too long or the host stops. What was under way then is tried again after twice
    /// <see cref="InsightOptions.DeliveryTimeout"/>. A call that does not end then may go on beside later ones; when there are
    /// <see cref="InsightOptions.Parallelism"/> such calls, two at least, no more are made until one of them ends, which counts as unavailable.
    /// </param>
    /// <returns>
    /// What became of it. An exception counts as <see cref="InsightDelivery.Unavailable"/> with the exception's type as the reason.
    /// </returns>
    Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken);
}
