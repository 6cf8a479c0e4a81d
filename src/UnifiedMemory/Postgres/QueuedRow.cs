using Npgsql;
using UnifiedMemory.Insights;

namespace UnifiedMemory.Postgres;

/// <summary>A row of the outbox, with the memory that it is about.</summary>
internal sealed record QueuedRow
{
    /// <summary>What a statement selects that joins <c>queued</c> and <c>memory</c>.</summary>
    public const string Columns =
        """
        memory.*, queued.memory_id, queued.sink, queued.details::text, queued.queued_at, queued.due_at, queued.attempts, queued.failures,
        queued.parked_at, queued.last_error, queued.namespace
        """;

    /// <summary><c>null</c> when it was deleted after the row was there.</summary>
    public MemoryRecord? Memory { get; init; }

    public required string Namespace { get; init; }

    public required Guid Id { get; init; }

    public required string Sink { get; init; }

    /// <summary>The <see cref="InsightFacts"/> that came with it.</summary>
    public string? Details { get; init; }

    public DateTimeOffset QueuedAt { get; init; }

    public DateTimeOffset DueAt { get; init; }

    public int Attempts { get; init; }

    public int Failures { get; init; }

    public DateTimeOffset? ParkedAt { get; init; }

    public string? LastError { get; init; }

    public static QueuedRow Read(NpgsqlDataReader row)
    {
        const int first = MemoryReader.Count;
        return new QueuedRow
        {
            Memory = row.IsDBNull(0) ? null : MemoryReader.Read(row),
            Id = row.GetGuid(first),
            Sink = row.GetString(first + 1),
            Details = row.IsDBNull(first + 2) ? null : row.GetString(first + 2),
            QueuedAt = row.GetDateTime(first + 3),
            DueAt = row.GetDateTime(first + 4),
            Attempts = row.GetInt32(first + 5),
            Failures = row.GetInt32(first + 6),
            ParkedAt = row.IsDBNull(first + 7) ? null : row.GetDateTime(first + 7),
            LastError = row.IsDBNull(first + 8) ? null : row.GetString(first + 8),
            Namespace = row.GetString(first + 9),
        };
    }
}
