namespace UnifiedMemory.Postgres;

/// <summary>What a try that failed leaves behind.</summary>
/// <param name="Error">Why, without memory content.</param>
/// <param name="Delay">Until the next try; of one that is parked, until the first when it is queued again.</param>
/// <param name="Park">Whether it is parked now.</param>
/// <param name="InOutage">Whether the sink is to blame, as far as one can tell: it comes back with it.</param>
internal sealed record FailedTry(string Error, TimeSpan Delay, bool Park, bool InOutage);
