namespace UnifiedMemory;

/// <summary>
/// Says that a memory is an insight, and what the host knows of it. What is <c>null</c> is left to the <see cref="IInsightDetector"/>;
/// <c>new()</c> leaves everything to it.
/// </summary>
public sealed record InsightDetails
{
    /// <summary>What it is about.</summary>
    public InsightType? Type { get; init; }

    /// <summary>What it speaks of, in order of weight: at most 64 of 256 characters each.</summary>
    public IReadOnlyList<string>? Topics { get; init; }

    /// <summary>The projects that it concerns: at most 64 of 256 characters each.</summary>
    public IReadOnlyList<string>? Projects { get; init; }

    /// <summary>How sure the host is, 0 to 1.</summary>
    public double? Confidence { get; init; }
}
