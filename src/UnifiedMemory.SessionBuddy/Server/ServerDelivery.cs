namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>What became of a try to deliver through the server.</summary>
internal sealed record ServerDelivery(InsightDelivery Delivery)
{
    /// <summary>Whether nobody listens at the address, so that the file may be free.</summary>
    public bool IsDown { get; init; }
}
