using System.Globalization;

namespace UnifiedMemory.Indexing;

/// <summary>A session of the server that something waits for.</summary>
internal sealed record Blocker
{
    /// <summary>0 for a transaction that was prepared, and belongs to no session any more.</summary>
    public int ProcessId { get; init; }

    public string Application { get; init; } = "";

    /// <summary>As in <c>pg_stat_activity</c>; <c>null</c> for the session of a role that this one may not look at.</summary>
    public string? State { get; init; }

    /// <summary>How long its transaction has been open.</summary>
    public double? Seconds { get; init; }

    public override string ToString() =>
        (ProcessId == 0 ? "waits for a prepared transaction, see pg_prepared_xacts" : $"waits for process {ProcessId} of '{Application}'")
        + (State is null ? "" : $", which is {State}")
        + (Seconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $" in a transaction of {seconds:F0} s") : "");
}
