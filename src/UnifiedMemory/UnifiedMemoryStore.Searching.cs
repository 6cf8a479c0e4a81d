using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Searching;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    /// <summary>Candidates of each half of a hybrid search at most, or twice the limit. 200 changed nothing among the best ten.</summary>
    private const int Candidates = 100;

    /// <summary>
    /// Finds the best memories for the text, best first: <see cref="MemoryQuery.Limit"/> of them whenever that many fulfil the
    /// filter. One round trip asks the database, and a second one where an index did not find enough. Before it the query is embedded,
    /// unless its vector is cached, and beside that a filter is estimated, each half minute.
    /// </summary>
    /// <param name="query">What is looked for, and where.</param>
    /// <param name="cancellationToken">Ends the call, and the search on the server; not the estimate, which others may wait for.</param>
    /// <exception cref="ArgumentException">The query or its filter is not valid.</exception>
    /// <exception cref="EmbeddingRejectedException">The text cannot be embedded.</exception>
    /// <exception cref="UnifiedMemoryException">The database or the embedding service failed.</exception>
    public Task<IReadOnlyList<MemoryMatch>> SearchAsync(MemoryQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        MemoryRules.RequireQuery(query, _options.MaxContentBytes);
        return Operation.RunAsync("search", async operation =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var scope = _scopes.GetStatisticsAsync(query, cancellationToken);
            var vector = query.Mode == SearchMode.Text ? null : _embedder.EmbedAsync(query.Text, EmbeddingPurpose.Query, cancellationToken);

            // Both, so that the failure of neither goes unseen.
            await Task.WhenAll(vector is null ? [scope] : [scope, vector]).ConfigureAwait(false);
            var matches = await FindAsync(
                query, vector is null ? null : await vector.ConfigureAwait(false), await scope.ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            operation.Set("unifiedmemory.search.matches", matches.Count);
            return matches;
        });
    }

    private async Task<IReadOnlyList<MemoryMatch>> FindAsync(
        MemoryQuery query, float[]? vector, ScopeStatistics scope, CancellationToken cancellationToken)
    {
        var candidates = Math.Max(2 * query.Limit, Candidates);
        var scarcity = scope.Scarcity;
        var plan = query.Exact || vector is null
            ? SearchPlan.Exact
            : SearchPlanner.Choose(
                IsNearestOnly(query) ? query.Limit : candidates / 2, query, scope, await _scopes.GetIndexesAsync(cancellationToken).ConfigureAwait(false));
        var (matches, nearest) = await AskAsync(plan).ConfigureAwait(false);
        if (plan.Index is not null && nearest < query.Limit)
        {
            // Of the index's nearest too few pass the filter, or there are no more.
            scope.FoundTooFew(scarcity, nearest, query.Limit);
            (matches, _) = await AskAsync(SearchPlan.Exact).ConfigureAwait(false);
        }

        return matches;

        Task<(List<MemoryMatch> Matches, int Nearest)> AskAsync(SearchPlan with) => IsNearestOnly(query)
            ? _memories.FindNearestAsync(query, vector!, with, cancellationToken)
            : _memories.RankAsync(query, vector, with, scope, candidates, cancellationToken);
    }

    /// <summary>Whether similarity alone decides.</summary>
    private static bool IsNearestOnly(MemoryQuery query) => query is
    {
        Mode: SearchMode.Vector, Neighbours: 0, IncludeNeighbours: false, TimeWeight: 0, RecencyHalfLife: null, ImportanceWeight: 0, Diversity: 0
    };
}
