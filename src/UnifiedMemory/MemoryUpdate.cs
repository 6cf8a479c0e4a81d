using System.Text.Json.Nodes;

namespace UnifiedMemory;

/// <summary>What to change in a stored memory. What is <c>null</c> stays as it is.</summary>
public sealed record MemoryUpdate
{
    /// <summary>New content. It is embedded again only when it differs from the stored one.</summary>
    public string? Content { get; init; }

    /// <summary>New kind; an empty string removes it.</summary>
    public string? Kind { get; init; }

    /// <summary>Takes the place of the whole metadata object.</summary>
    public JsonObject? Metadata { get; init; }

    /// <summary>Takes the place of all tags.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>New importance, 0 to 1.</summary>
    public double? Importance { get; init; }

    /// <summary>New expiry; <see cref="DateTimeOffset.MaxValue"/> means never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
