namespace UnifiedMemory.Insights;

/// <summary>What goes to the sinks with the text of an insight.</summary>
/// <param name="Type">What it is about.</param>
/// <param name="Confidence">How sure one is of it, 0 to 1.</param>
/// <param name="Topics">What it speaks of.</param>
/// <param name="Projects">The projects that it concerns.</param>
/// <param name="SourceId">The memory that it was found in.</param>
internal sealed record InsightFacts(
    InsightType Type, double Confidence, string[] Topics, string[] Projects, Guid? SourceId);
