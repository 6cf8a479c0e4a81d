using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    /// <summary>
    /// Finds the memories that are most similar to the text, best first: <see cref="MemoryQuery.Limit"/> of them whenever that
    /// many fulfil the filter. The query is embedded, unless its vector is cached, and one round trip asks the database.
    /// </summary>
    /// <param name="query">What is looked for, and where.</param>
    /// <param name="cancellationToken">Ends the call, and the statement on the server.</param>
    /// <exception cref="ArgumentException">The query or its filter is not valid.</exception>
    /// <exception cref="EmbeddingRejectedException">The text cannot be embedded.</exception>
    /// <exception cref="UnifiedMemoryException">The database or the embedding service failed.</exception>
    public Task<IReadOnlyList<MemoryMatch>> SearchAsync(MemoryQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        MemoryRules.RequireQuery(query, _options.MaxContentBytes);
        return Operation.RunAsync<IReadOnlyList<MemoryMatch>>("search", async operation =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var vector = await _embedder.EmbedAsync(query.Text, EmbeddingPurpose.Query, cancellationToken).ConfigureAwait(false);
            var matches = await _memories.SearchAsync(query, vector, cancellationToken).ConfigureAwait(false);
            operation.Set("unifiedmemory.search.matches", matches.Count);
            return matches;
        });
    }
}
