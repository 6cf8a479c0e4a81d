using System.Runtime.CompilerServices;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    private PatternTable Patterns => field ??= new PatternTable(_database, _schema);

    private DependencyTable Dependencies => field ??= new DependencyTable(_database, _schema);

    /// <summary>
    /// Stores a pattern. The same pattern again returns the id of the first; when it says a higher
    /// <see cref="ProjectPattern.ApplicationCount"/>, its count, score, tags and last application replace the stored ones.
    /// </summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="cancellationToken">Ends the call; the pattern may be stored nevertheless.</param>
    /// <exception cref="ArgumentException">The pattern is not valid.</exception>
    public Task<StoredPattern> StorePatternAsync(ProjectPattern pattern, CancellationToken cancellationToken = default)
    {
        ProjectRules.RequirePattern(pattern);
        var (id, createdAt) = NewRow(pattern.CreatedAt);
        return Operation.RunAsync("store_pattern", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var stored = await Patterns.StoreAsync(pattern, id, createdAt, cancellationToken).ConfigureAwait(false);
            return new StoredPattern(stored, OutcomeOf(stored, id));
        });
    }

    /// <summary>Streams the patterns that fulfil the filter, by namespace and id, which is roughly the order in which they were stored.</summary>
    /// <param name="filter">Which ones. A filter that sets nothing means all of the namespace <c>default</c>.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="ArgumentException">The filter is not valid.</exception>
    public IAsyncEnumerable<ProjectPattern> ListPatternsAsync(PatternFilter filter, CancellationToken cancellationToken = default)
    {
        ProjectRules.RequireFilter(filter);
        return PagesAsync<ProjectPattern>(
            "list_patterns", (after, token) => Patterns.ListPageAsync(filter, after, ListPageSize, token), cancellationToken);
    }

    /// <summary>Stores that one project depends on another. The same dependency again changes nothing.</summary>
    /// <param name="dependency">The dependency.</param>
    /// <param name="cancellationToken">Ends the call; the dependency may be stored nevertheless.</param>
    /// <returns>Created, or already stored.</returns>
    /// <exception cref="ArgumentException">The dependency is not valid.</exception>
    public Task<StoreOutcome> AddDependencyAsync(ProjectDependency dependency, CancellationToken cancellationToken = default)
    {
        ProjectRules.RequireDependency(dependency);
        var (id, createdAt) = NewRow(dependency.CreatedAt);
        return Operation.RunAsync("add_dependency", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return OutcomeOf(await Dependencies.AddAsync(dependency, id, createdAt, cancellationToken).ConfigureAwait(false), id);
        });
    }

    /// <summary>Removes the dependency of that namespace, source, target and type, if there is one.</summary>
    /// <param name="dependency">The dependency.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentException">The dependency is not valid.</exception>
    public Task RemoveDependencyAsync(ProjectDependency dependency, CancellationToken cancellationToken = default)
    {
        ProjectRules.RequireDependency(dependency);
        return Operation.RunAsync("remove_dependency", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            await Dependencies.RemoveAsync(dependency, cancellationToken).ConfigureAwait(false);
            return true;
        });
    }

    /// <summary>Streams the dependencies that fulfil the filter, by namespace, source, target and type.</summary>
    /// <param name="filter">Which ones. A filter that sets nothing means all of the namespace <c>default</c>.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="ArgumentException">The filter is not valid.</exception>
    public IAsyncEnumerable<ProjectDependency> ListDependenciesAsync(DependencyFilter filter, CancellationToken cancellationToken = default)
    {
        ProjectRules.RequireFilter(filter);
        return PagesAsync<ProjectDependency>(
            "list_dependencies", (after, token) => Dependencies.ListPageAsync(filter, after, ListPageSize, token), cancellationToken);
    }

    private (Guid Id, DateTimeOffset CreatedAt) NewRow(DateTimeOffset? createdAt)
    {
        var now = _time.GetUtcNow();
        return (MemoryIds.Shared.Next(now), MemoryRules.RequireCreatedAt(createdAt ?? now));
    }

    /// <summary>The id that is there is our own when an attempt was committed and its answer got lost.</summary>
    private static StoreOutcome OutcomeOf(Guid stored, Guid own) => stored == own ? StoreOutcome.Created : StoreOutcome.AlreadyStored;

    private async IAsyncEnumerable<T> PagesAsync<T>(
        string operation, Func<T?, CancellationToken, Task<List<T>>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : class
    {
        await OpenAsync(cancellationToken).ConfigureAwait(false);
        T? last = null;
        while (true)
        {
            var after = last;
            var page = await Operation.RunAsync(operation, _ => read(after, cancellationToken)).ConfigureAwait(false);
            foreach (var item in page)
                yield return item;
            if (page.Count < ListPageSize)
                yield break;
            last = page[^1];
        }
    }
}
