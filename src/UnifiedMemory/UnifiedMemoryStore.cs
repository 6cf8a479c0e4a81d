using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using UnifiedMemory.Embeddings;
using UnifiedMemory.Hosting;
using UnifiedMemory.Indexing;
using UnifiedMemory.Insights;
using UnifiedMemory.Migrations;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;
using UnifiedMemory.Searching;
using UnifiedMemory.Storing;

namespace UnifiedMemory;

/// <summary>
/// One memory for everything that an agent platform remembers, in one PostgreSQL with pgvector. Thread-safe; make one and keep
/// it. The first call checks the schema and the embedding space; <see cref="MigrateAsync"/> creates them.
/// </summary>
/// <remarks>
/// A call fails with <see cref="ArgumentException"/> when it was given something wrong, and with
/// <see cref="UnifiedMemoryException"/> when the database or the embedding service failed after the retries were used up.
/// </remarks>
public sealed partial class UnifiedMemoryStore : IAsyncDisposable, IDisposable
{
    private readonly UnifiedMemoryOptions _options;
    private readonly IEmbeddingProvider _embeddingProvider;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly StoreSchema _schema;
    private readonly Database _database;
    private readonly MemoryTable _memories;
    private readonly Scopes _scopes;
    private readonly StoreRegistry _registry;
    private readonly Migrator _migrator;
    private readonly IndexMaintenance _indexes;
    private readonly Embedder _embedder;
    private readonly MemoryWriter _writer;
    private readonly InsightFinder _insights;
    private readonly InsightOutbox _outbox;
    private readonly InsightDispatcher _dispatcher;
    private readonly SharedAttempt _opening;
    private StoreState? _digestToCompare;

    private UnifiedMemoryStore(
        UnifiedMemoryOptions options, IEmbeddingProvider embeddingProvider, ILoggerFactory loggerFactory, TimeProvider time,
        IReadOnlyList<NamedSink> sinks, IInsightDetector detector)
    {
        _options = options;
        _embeddingProvider = embeddingProvider;
        _time = time;
        _logger = loggerFactory.CreateLogger<UnifiedMemoryStore>();
        _schema = new StoreSchema(options.SchemaPrefix);
        _database = new Database(options, loggerFactory, time);
        _memories = new MemoryTable(_database, _schema, embeddingProvider.Dimensions, [.. sinks.Select(sink => sink.Name)]);
        _scopes = new Scopes(_memories, new VectorIndexTable(_database, _schema));
        _registry = new StoreRegistry(_schema);
        _migrator = new Migrator(_database, options, _schema, loggerFactory, time);
        _indexes = new IndexMaintenance(
            _database, options, _schema, new VectorIndexTable(_database, _schema), embeddingProvider.Dimensions,
            loggerFactory.CreateLogger<IndexMaintenance>(), time);
        _embedder = new Embedder(
            embeddingProvider, Telemetry.Meter, loggerFactory.CreateLogger<Embedder>(), options.QueryCacheSize, CompareDigestAsync);
        _writer = new MemoryWriter(_memories, _embedder, loggerFactory.CreateLogger<MemoryWriter>());
        _insights = new InsightFinder(detector, options, loggerFactory.CreateLogger<InsightFinder>());
        _outbox = new InsightOutbox(_database, _schema);
        _dispatcher = new InsightDispatcher(_outbox, _insights, sinks, options.Insights, time, loggerFactory.CreateLogger<InsightDispatcher>());
        _opening = new SharedAttempt(CheckAsync);
    }

    /// <summary>Makes a store without a container. Nothing is sent to the server yet.</summary>
    /// <param name="options">Copied; later changes have no effect.</param>
    /// <param name="embeddingProvider">Stays the caller's, who disposes of it after the store.</param>
    /// <param name="loggerFactory">Where logs go. Default: nowhere.</param>
    /// <param name="timeProvider">The clock. Default: the system's.</param>
    /// <param name="insightSinks">
    /// Who receives the insights, with <see cref="DispatchPendingAsync"/>. They stay the caller's. Default: nobody, and nothing is queued.
    /// </param>
    /// <param name="insightDetector">What finds insights in texts. Default: <see cref="DelimitedInsightDetector"/>.</param>
    /// <exception cref="OptionsValidationException">Options are not valid; the message lists every mistake.</exception>
    public static UnifiedMemoryStore Create(
        UnifiedMemoryOptions options,
        IEmbeddingProvider embeddingProvider,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null,
        IEnumerable<IInsightSink>? insightSinks = null,
        IInsightDetector? insightDetector = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(embeddingProvider);
        NamedSink[] sinks = [.. (insightSinks ?? []).Select(sink => new NamedSink(sink.Name, sink))];
        List<string> mistakes = [.. OptionsRules.MistakesIn(options, embeddingProvider), .. InsightRules.MistakesIn(sinks)];
        if (mistakes.Count > 0)
            throw new OptionsValidationException(nameof(UnifiedMemoryOptions), typeof(UnifiedMemoryOptions), mistakes);
        return new UnifiedMemoryStore(
            options.Copy(), embeddingProvider, loggerFactory ?? NullLoggerFactory.Instance, timeProvider ?? TimeProvider.System,
            sinks, insightDetector ?? new DelimitedInsightDetector());
    }

    /// <summary>Ends what is under way with <see cref="ObjectDisposedException"/>, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        _embedder.Dispose();
        await _database.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc cref="DisposeAsync"/>
    public void Dispose()
    {
        _embedder.Dispose();
        _database.Dispose();
    }

    /// <summary>Checks once, for all callers, what every other call relies on.</summary>
    internal ValueTask OpenAsync(CancellationToken cancellationToken) => _opening.RunAsync(cancellationToken);

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        var space = await DescribeSpaceAsync(cancellationToken).ConfigureAwait(false);
        var state = await ReadStateAsync(cancellationToken).ConfigureAwait(false);
        StoreChecks.RequireMigrated(_schema, state, SchemaSteps.All(_schema, space, _options.TextSearchConfiguration));
        StoreChecks.RequirePgvector(state);
        StoreChecks.RequireSpace(_schema, state, space);
        StoreChecks.RequireTextConfiguration(_schema, state, _options.TextSearchConfiguration);
        _embedder.ProviderName = space.Provider;
        _memories.IsDistributed = state.IsDistributed;
        Volatile.Write(ref _digestToCompare, space.Digest is null && state.Space!.Digest is not null ? state : null);

        // Whoever created the extension may have been another process, after this one's first connection.
        await _database.ReloadTypesAsync(cancellationToken).ConfigureAwait(false);
        if (_options.MaxPoolSize > state.MaxConnections - state.ReservedConnections)
            Log.PoolTooLarge(_logger, _options.MaxPoolSize, state.MaxConnections, state.ReservedConnections);
        if (state.PgvectorVersion is { } version && version < new Version(0, 8, 4))
            Log.OldPgvector(_logger, version.ToString());
        if (state.PgvectorVersion is { } unsafeVersion && unsafeVersion < new Version(0, 8, 2))
            Log.UnsafeParallelBuilds(_logger, unsafeVersion.ToString());
        Log.Opened(_logger, _schema.Name, state.Version, space.Provider, space.Model, space.Dimensions);
    }

    private async Task<EmbeddingSpace> DescribeSpaceAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _embeddingProvider.DescribeAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not (UnifiedMemoryException or OperationCanceledException))
        {
            // A foreign provider's own exception. Its message stays in the inner exception.
            throw new UnifiedMemoryException(
                "open", $"The embedding provider for {_embeddingProvider.Model} failed to describe its space with {exception.GetType().Name}.",
                isTransient: exception is HttpRequestException or IOException or TimeoutException, exception);
        }
    }

    /// <summary>
    /// A service that was silent when the store opened told no digest; now that it embeds it can. Asked once: one that still
    /// does not tell never will.
    /// </summary>
    private async ValueTask CompareDigestAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _digestToCompare) is not { } state)
            return;
        StoreChecks.RequireSpace(_schema, state, await DescribeSpaceAsync(cancellationToken).ConfigureAwait(false));
        Volatile.Write(ref _digestToCompare, null);
    }

    private Task<StoreState> ReadStateAsync(CancellationToken cancellationToken) =>
        _database.RunAsync("open", _registry.ReadAsync, cancellationToken);
}
