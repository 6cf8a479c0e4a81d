using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Npgsql;
using Pgvector;
using Pgvector.EntityFrameworkCore;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>EF Core with Pgvector.EntityFrameworkCore, as its documentation shows it: pooled contexts, no tracking for searches.</summary>
internal sealed class EfSide : ISide
{
    /// <summary>Entities of one SaveChanges: all at once would be slower, and hold everything twice.</summary>
    private const int Chunk = 1_000;

    private readonly NpgsqlDataSource _dataSource;
    private readonly PooledDbContextFactory<EfContext> _contexts;

    public EfSide(string schema)
    {
        var connection = new NpgsqlConnectionStringBuilder(BenchmarkServer.ConnectionString)
        {
            MaxAutoPrepare = 100,
            AutoPrepareMinUsages = 2,
            SearchPath = $"{schema},public",
            MaxPoolSize = 20,
            Timeout = 60,

            // What pgvector's own documentation tells everyone to set.
            Options = "-c hnsw.ef_search=100 -c hnsw.iterative_scan=strict_order",
        };
        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString);
        builder.UseVector();
        _dataSource = builder.Build();
        _contexts = new PooledDbContextFactory<EfContext>(
            new DbContextOptionsBuilder<EfContext>().UseNpgsql(_dataSource, npgsql => npgsql.UseVector()).Options);
    }

    public string Name => "EF Core";

    public static async Task CreateTableAsync(string schema)
    {
        await BenchmarkServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        await using var side = new EfSide(schema);
        await using var context = await side._contexts.CreateDbContextAsync();
        await BenchmarkServer.ExecuteAsync($"SET search_path = {schema}, public; {context.Database.GenerateCreateScript()}");
    }

    /// <summary>The same memories with the same ids, and the same kind of index.</summary>
    public static async Task CopyTableAsync(string library, string schema)
    {
        await CreateTableAsync(schema);
        await BenchmarkServer.ExecuteAsync(
            $"""
            INSERT INTO {schema}.memories ("Id", "Namespace", "Type", "Kind", "Content", "IdentityHash", "Embedding", "Metadata", "Tags",
                "SourceSystem", "AgentId", "SessionId", "WorkflowId", "Importance", "CreatedAt", "UpdatedAt", "ExpiresAt")
            SELECT id, namespace, memory_type, kind, content, identity_hash, embedding, metadata, tags,
                source_system, agent_id, session_id, workflow_id, importance, created_at, updated_at, expires_at
            FROM {library}.memories;
            """);
        await BuildIndexAsync(schema);
        await BenchmarkServer.ExecuteAsync($"VACUUM ANALYZE {schema}.memories");
    }

    public static Task BuildIndexAsync(string schema) => BenchmarkServer.ExecuteAsync(
        $"""SET maintenance_work_mem = '4GB'; CREATE INDEX memories_embedding ON {schema}.memories USING hnsw ("Embedding" vector_cosine_ops)""");

    /// <summary>Everything but the vector, as on the other sides, and the same objects in the end.</summary>
    public async Task<IReadOnlyList<MemoryMatch>> SearchAsync(SearchCase searched, SearchText text)
    {
        var vector = new Vector(text.Vector);
        await using var context = await _contexts.CreateDbContextAsync();
        return await Filter(context.Memories.AsNoTracking(), searched)
            .OrderBy(row => row.Embedding.CosineDistance(vector))
            .Take(SearchCases.Limit)
            .Select(row => Match(new MemoryRecord
            {
                Id = row.Id,
                Namespace = row.Namespace,
                Type = row.Type,
                Kind = row.Kind,
                Content = row.Content,
                Metadata = ObjectOf(row.Metadata),
                Tags = row.Tags,
                SourceSystem = row.SourceSystem,
                AgentId = row.AgentId,
                SessionId = row.SessionId,
                WorkflowId = row.WorkflowId,
                Importance = row.Importance,
                CreatedAt = row.CreatedAt,
                UpdatedAt = row.UpdatedAt,
                ExpiresAt = row.ExpiresAt,
            }, row.Embedding.CosineDistance(vector)))
            .ToListAsync();
    }

    public Task StoreAsync(MemoryToStore memory) => AddAsync([memory]);

    public async Task StoreManyAsync(IReadOnlyList<MemoryToStore> memories)
    {
        foreach (var chunk in memories.Chunk(Chunk))
            await AddAsync(chunk);
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();

    private static IQueryable<EfMemory> Filter(IQueryable<EfMemory> memories, SearchCase searched)
    {
        var space = SearchCases.NamespaceOf(searched);
        memories = memories.Where(row => row.Namespace == space && (row.ExpiresAt == null || row.ExpiresAt > DateTime.UtcNow));
        if (searched is SearchCase.Type or SearchCase.TypeAndRange)
            memories = memories.Where(row => row.Type == MemorySet.SmallType);
        if (searched is SearchCase.Range or SearchCase.TypeAndRange)
        {
            memories = memories.Where(row =>
                row.Metadata.RootElement.GetProperty("score").GetDouble() >= MemorySet.RangeFrom
                && row.Metadata.RootElement.GetProperty("score").GetDouble() < MemorySet.RangeTo);
        }

        return searched == SearchCase.Tag ? memories.Where(row => row.Tags.Contains(MemorySet.SmallTag)) : memories;
    }

    private static JsonObject ObjectOf(JsonDocument document) => JsonObject.Create(document.RootElement)!;

    private static MemoryMatch Match(MemoryRecord record, double distance) => new(record, 1 - distance, 1 - distance)
    {
        Explanation = new MatchExplanation { Vector = 1 - distance },
    };

    private async Task AddAsync(IEnumerable<MemoryToStore> memories)
    {
        await using var context = await _contexts.CreateDbContextAsync();
        context.Memories.AddRange(memories.Select(EfMemory.From));
        await context.SaveChangesAsync();
    }
}
