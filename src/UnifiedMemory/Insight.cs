namespace UnifiedMemory;

/// <summary>An insight on its way to a sink. It is a memory of type <see cref="MemoryType.Insight"/> in the store.</summary>
/// <param name="Id">The memory's id: the key under which a sink keeps it once, however often it is delivered.</param>
/// <param name="Namespace">The memory's namespace.</param>
/// <param name="Content">The text: 30 to 10,000 characters when found in another text, any length when stored as an insight.</param>
/// <param name="Type">What it is about.</param>
/// <param name="Confidence">How sure the detector is, 0 to 1.</param>
/// <param name="CreatedAt">When it was made.</param>
public sealed record Insight(
    Guid Id, string Namespace, string Content, InsightType Type, double Confidence, DateTimeOffset CreatedAt)
{
    /// <summary>What it speaks of, in order of weight. Default: none.</summary>
    public IReadOnlyList<string> Topics { get; init; } = [];

    /// <summary>The projects that it concerns. Default: none.</summary>
    public IReadOnlyList<string> Projects { get; init; } = [];

    /// <summary>The memory that it was found in; <c>null</c> when it was stored as an insight.</summary>
    public Guid? SourceId { get; init; }

    /// <summary>1 for the first try. From 2 on an earlier try may have arrived: look for <see cref="Id"/> before sending again.</summary>
    public int Attempt { get; init; } = 1;
}
