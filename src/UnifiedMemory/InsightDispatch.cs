namespace UnifiedMemory;

/// <summary>What a call of <c>DispatchPendingAsync</c> did, over all sinks.</summary>
/// <param name="Delivered">Insights that arrived.</param>
/// <param name="Failed">Tries that failed, and are made again later.</param>
/// <param name="Parked">Insights that were given up, by refusal or after too many failures.</param>
public sealed record InsightDispatch(long Delivered, long Failed, long Parked);
