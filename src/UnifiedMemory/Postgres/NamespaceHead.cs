namespace UnifiedMemory.Postgres;

/// <summary>A namespace that has something for a sink, and when its first row can be claimed: by the server's clock, zero or less for now.</summary>
internal sealed record NamespaceHead
{
    public string Namespace { get; init; } = "";

    /// <summary>Null when all that there is has stepped aside.</summary>
    public double? WaitSeconds { get; init; }

    /// <summary>Failed tries of its first row.</summary>
    public int? Failures { get; init; }
}
