namespace UnifiedMemory;

/// <summary>An insight as an <see cref="IInsightDetector"/> sees it.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Type">What it is about.</param>
/// <param name="Confidence">How sure the detector is that it is worth keeping, 0 to 1.</param>
public sealed record DetectedInsight(string Content, InsightType Type, double Confidence)
{
    /// <summary>What it speaks of, in order of weight, at most 64 of 256 characters. Default: none.</summary>
    public IReadOnlyList<string> Topics { get; init; } = [];

    /// <summary>The projects that it concerns, at most 64 of 256 characters. Default: none.</summary>
    public IReadOnlyList<string> Projects { get; init; } = [];
}
