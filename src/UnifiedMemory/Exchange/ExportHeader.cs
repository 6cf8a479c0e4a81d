using System.Text.Json;

namespace UnifiedMemory.Exchange;

/// <summary>The first line of an export.</summary>
internal sealed record ExportHeader
{
    public const string FormatName = "unifiedmemory-export";

    /// <summary>Memories alone.</summary>
    public const int FirstVersion = 1;

    /// <summary>After the memories, patterns and dependencies of projects.</summary>
    public const int CurrentVersion = 2;

    public string? Format { get; init; }

    public int Version { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public EmbeddingSpace? Space { get; init; }

    public bool Vectors { get; init; }

    /// <exception cref="InvalidDataException">It is no export, or one of a newer version.</exception>
    public static ExportHeader Parse(string? line)
    {
        ExportHeader? header = null;
        try
        {
            header = line is null ? null : JsonSerializer.Deserialize<ExportHeader>(line, ExportJson.Options);
        }
        catch (JsonException)
        {
            // Said below.
        }

        if (header?.Format != FormatName || header.Space is null)
            throw new InvalidDataException($"The first line does not say '{FormatName}': this is no export of a UnifiedMemory store.");
        return header.Version is >= FirstVersion and <= CurrentVersion
            ? header
            : throw new InvalidDataException($"The export has version {header.Version}; this library reads {FirstVersion} to {CurrentVersion}. Update the UnifiedMemory package.");
    }

    /// <summary>Whether its vectors can be compared with those of the space.</summary>
    public bool HasVectorsOf(EmbeddingSpace space) =>
        Vectors && Space! with { Digest = null } == space with { Digest = null }
        && (Space.Digest is null || space.Digest is null || Space.Digest == space.Digest);
}
