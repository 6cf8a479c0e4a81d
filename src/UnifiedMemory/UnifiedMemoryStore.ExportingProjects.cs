using Npgsql;
using UnifiedMemory.Exchange;
using UnifiedMemory.Input;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    private async Task<(long Patterns, long Dependencies)> ExportProjectsAsync(Stream lines, string @namespace, CancellationToken cancellationToken)
    {
        var (patterns, dependencies) = (0L, 0L);
        await foreach (var pattern in ListPatternsAsync(new PatternFilter { Namespace = @namespace }, cancellationToken).ConfigureAwait(false))
        {
            await WriteLineAsync(lines, ExportedPattern.From(pattern), cancellationToken).ConfigureAwait(false);
            patterns++;
        }

        await foreach (var dependency in ListDependenciesAsync(new DependencyFilter { Namespace = @namespace }, cancellationToken).ConfigureAwait(false))
        {
            await WriteLineAsync(lines, ExportedDependency.From(dependency), cancellationToken).ConfigureAwait(false);
            dependencies++;
        }

        return (patterns, dependencies);
    }

    private Task ImportPatternAsync(long line, ExportedPattern exported, ImportTally tally, CancellationToken cancellationToken) => TallyAsync(line, tally, async () =>
    {
        var pattern = exported.ToPattern();
        ProjectRules.RequirePattern(pattern);
        var (id, createdAt) = NewRow(pattern.CreatedAt);
        tally.AddPattern(await Patterns.ImportAsync(pattern, pattern.Id == Guid.Empty ? id : pattern.Id, createdAt, cancellationToken).ConfigureAwait(false));
    });

    private Task ImportDependencyAsync(long line, ExportedDependency exported, ImportTally tally, CancellationToken cancellationToken) => TallyAsync(line, tally, async () =>
    {
        var dependency = exported.ToDependency();
        ProjectRules.RequireDependency(dependency);
        var (id, createdAt) = NewRow(dependency.CreatedAt);
        tally.AddDependency(await Dependencies.ImportAsync(
            dependency, dependency.Id == Guid.Empty ? id : dependency.Id, createdAt, cancellationToken).ConfigureAwait(false));
    });

    private static async Task TallyAsync(long line, ImportTally tally, Func<Task> import)
    {
        try
        {
            await import().ConfigureAwait(false);
        }
        catch (ArgumentException exception)
        {
            tally.Reject(line, exception.Message);
        }
        catch (UnifiedMemoryException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            tally.Reject(line, "Its id belongs to something else in this store.");
        }
    }
}
