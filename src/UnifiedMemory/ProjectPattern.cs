using System.Text.Json.Nodes;

namespace UnifiedMemory;

/// <summary>
/// What worked once and may work elsewhere: a situation, what was done, and how well it went. Two patterns are the same when
/// namespace, type, project, context and solution are equal.
/// </summary>
/// <param name="PatternType">What kind of pattern it is, in the host's own words, for example <c>migration</c>. At most 256 characters.</param>
/// <param name="ProjectId">The project that it was found in; <c>null</c> for none in particular. At most 256 characters.</param>
/// <param name="Context">The situation, a JSON object of at most 64 KiB.</param>
/// <param name="Solution">What was done, a JSON object of at most 64 KiB.</param>
/// <param name="OutcomeScore">How well it went, 0 to 1.</param>
public sealed record ProjectPattern(string PatternType, string? ProjectId, JsonObject Context, JsonObject Solution, double OutcomeScore)
{
    /// <summary>The id: a UUID of version 7, made when it is stored. What is given to <c>StorePatternAsync</c> is ignored.</summary>
    public Guid Id { get; init; }

    /// <summary>The tenant that it belongs to. Default: <c>default</c>.</summary>
    public string Namespace { get; init; } = MemoryFilter.DefaultNamespace;

    /// <summary>Labels, at most 64 of 256 characters each. Default: none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>How often it was applied. Default: 0.</summary>
    public int ApplicationCount { get; init; }

    /// <summary>When it was applied last; <c>null</c> for never.</summary>
    public DateTimeOffset? LastApplied { get; init; }

    /// <summary>When it was found. Default: now.</summary>
    public DateTimeOffset? CreatedAt { get; init; }
}
