using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>One look at all indexes, by the process that holds the lock.</summary>
internal sealed partial class IndexRun(
    NpgsqlConnection connection, IndexBuilder builder, IndexCatalog catalog, VectorIndexTable register, RecallMeasurement measurement,
    UnifiedMemoryOptions options, StoreSchema schema, int dimensions, ILogger logger, IProgress<IndexProgress>? progress)
{
    private static readonly MemoryType?[] Types = [null, .. Enum.GetValues<MemoryType>().Cast<MemoryType?>()];

    private Dictionary<string, FoundIndex> _found = [];
    private Dictionary<string, RegisteredIndex> _registered = [];
    private HashSet<string> _watched = [];
    private MemoryCounts _counts = new(0, new Dictionary<MemoryType, long>());

    public async Task<IndexReport> RunAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken).ConfigureAwait(false);
        _watched = await catalog.ReadWatchedForLongAsync(connection, cancellationToken).ConfigureAwait(false);
        _counts = await catalog.CountAsync(connection, cancellationToken).ConfigureAwait(false);
        var plan = new IndexPlan(options, dimensions, _counts);

        var indexes = new List<MaintainedIndex>();
        foreach (var type in Types)
        {
            if (await MaintainAsync(plan, type, cancellationToken).ConfigureAwait(false) is { } index)
                indexes.Add(index);
        }

        var own = Types.Select(VectorIndexDefinition.NameOf).ToHashSet();
        var others = _found.Values.Where(index => !own.Contains(VectorIndexDefinition.OriginOf(index.Name)));
        indexes.AddRange(others.OrderBy(index => index.Name, StringComparer.Ordinal).Select(Other));
        foreach (var unused in indexes.Where(index => index.IsUnused))
            Log.IndexUnused(logger, unused.Name, schema.Name, unused.SizeBytes);
        return new IndexReport(_counts.Total, indexes);
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        _found = await catalog.ReadIndexesAsync(connection, cancellationToken).ConfigureAwait(false);
        _registered = await register.ReadAllAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private async Task<MaintainedIndex?> MaintainAsync(IndexPlan plan, MemoryType? type, CancellationToken cancellationToken)
    {
        var name = VectorIndexDefinition.NameOf(type);
        var report = new MaintainedIndex { Name = name, Type = type, Rows = _counts.Of(type) };
        try
        {
            var found = _found.GetValueOrDefault(name);
            var broken = await ClearAsync(name, cancellationToken).ConfigureAwait(false);
            var valid = found is { IsValid: true } ? found : null;
            var definition = valid?.DefinitionFor(type, dimensions);
            var decision = plan.Decide(type, found is not null || broken, definition, valid?.Bytes ?? 0, _registered.GetValueOrDefault(name));
            return decision.Step switch
            {
                IndexStep.None => report.Rows == 0 && type is not null ? null : report with { Action = IndexAction.Skipped, Reason = decision.Reason },
                IndexStep.Drop => await DropAsync(report, decision, cancellationToken).ConfigureAwait(false),
                IndexStep.Keep => await KeepAsync(report, valid!, decision, plan, cancellationToken).ConfigureAwait(false),
                _ => await BuildAsync(report, plan, valid, broken, decision.Wanted!, decision.Reason, cancellationToken).ConfigureAwait(false),
            };
        }
        catch (Exception exception) when (exception is BlockedException or PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
        {
            var blocked = exception as BlockedException ?? new BlockedException(null, exception);
            Log.IndexBlocked(logger, name, schema.Name, blocked.Message);
            return Known(report with { Action = IndexAction.Skipped, Reason = $"{blocked.Message}; tried again at the next run" });
        }
        catch (PostgresException exception) when (IsOfOneIndex(exception))
        {
            var reason = DatabaseFailure.Reason(exception);
            Log.IndexFailed(logger, name, schema.Name, reason);
            await GoOnAfterAsync(name, cancellationToken).ConfigureAwait(false);
            return Known(report with { Action = IndexAction.Failed, Reason = reason });
        }
    }

    /// <summary>Whether the next index may fare better: the server goes on, and it is not the role that is refused.</summary>
    private static bool IsOfOneIndex(PostgresException exception) =>
        exception.InvariantSeverity == "ERROR" && exception.SqlState != PostgresErrorCodes.InsufficientPrivilege
        && RetryRules.For(exception) == RetryRule.Never;

    /// <summary>In a session that is new, what was begun in the former one is cleared away now: it may be why the disk is full.</summary>
    private async Task GoOnAfterAsync(string name, CancellationToken cancellationToken)
    {
        if (connection.State == ConnectionState.Open)
            return;
        await builder.RenewAsync(cancellationToken).ConfigureAwait(false);
        await ReadAsync(cancellationToken).ConfigureAwait(false);
        var begun = name + VectorIndexDefinition.BuildingSuffix;
        if (_found.GetValueOrDefault(begun) is { IsValid: false })
            await builder.DropQuietlyAsync(begun).ConfigureAwait(false);
    }

    /// <summary>Takes away what interrupted builds, exchanges and reindexing have left behind under the names that belong to this index.</summary>
    /// <returns>Whether a build was interrupted.</returns>
    private async Task<bool> ClearAsync(string name, CancellationToken cancellationToken)
    {
        var broken = false;
        var invalid = _found.Values.Where(index => !index.IsValid && VectorIndexDefinition.OriginOf(index.Name) == name).ToList();
        foreach (var left in invalid.Select(index => index.Name))
        {
            Log.IndexDropped(logger, left, schema.Name, "an interrupted build left it invalid");
            await builder.DropAsync(left, cancellationToken).ConfigureAwait(false);
            _found.Remove(left);
            broken |= left == name || left == name + VectorIndexDefinition.BuildingSuffix;
        }

        if (!_found.ContainsKey(name) && _registered.Remove(name))
            await register.ForgetAsync(connection, name, cancellationToken).ConfigureAwait(false);
        if (_registered.GetValueOrDefault(name) is not { IsNew: true })
            await DropFoundAsync(name + VectorIndexDefinition.ReplacedSuffix, cancellationToken).ConfigureAwait(false);
        return broken;
    }

    private async Task<MaintainedIndex> DropAsync(MaintainedIndex report, IndexDecision decision, CancellationToken cancellationToken)
    {
        Log.IndexDropped(logger, report.Name, schema.Name, decision.Reason);

        // First, so that no search counts on it any more.
        await register.ForgetAsync(connection, report.Name, cancellationToken).ConfigureAwait(false);
        await builder.DropAsync(report.Name, cancellationToken).ConfigureAwait(false);
        await DropUnfinishedAsync(report.Name, cancellationToken).ConfigureAwait(false);
        await DropFoundAsync(report.Name + VectorIndexDefinition.ReplacedSuffix, cancellationToken).ConfigureAwait(false);
        return report with { Action = IndexAction.Dropped, Reason = decision.Reason };
    }

    /// <summary>What was built and never got its name, and is not what is wanted now.</summary>
    private Task DropUnfinishedAsync(string name, CancellationToken cancellationToken) =>
        DropFoundAsync(name + VectorIndexDefinition.BuildingSuffix, cancellationToken);

    private async Task DropFoundAsync(string name, CancellationToken cancellationToken)
    {
        if (_found.Remove(name))
            await builder.DropAsync(name, cancellationToken).ConfigureAwait(false);
    }

    private MaintainedIndex Other(FoundIndex index)
    {
        var report = new MaintainedIndex
        {
            Name = index.Name,
            Action = IndexAction.Kept,
            Reason = "is not a vector index of the store's; only looked at",
            Rows = Math.Max(0, (long)index.Rows),
            SizeBytes = index.Bytes,
            Scans = index.Scans,
            IsUnused = !index.IsUnique && index.Scans == 0 && _watched.Contains(index.Name),
        };
        if (index.IsValid)
            return report;

        // It may be somebody's who is at it just now.
        var isLeft = VectorIndexDefinition.OriginOf(index.Name) != index.Name;
        var reason = "is invalid: writes keep it up and no search uses it. Unless it is being built, "
            + $"{(isLeft ? "DROP" : "REINDEX")} INDEX CONCURRENTLY {schema.Quoted}.\"{index.Name}\"";
        Log.IndexInvalid(logger, index.Name, schema.Name, reason);
        return report with { Action = IndexAction.Skipped, Reason = reason };
    }

    /// <summary>What the catalogue and the register said of it when this run began.</summary>
    private MaintainedIndex Known(MaintainedIndex report)
    {
        if (_found.GetValueOrDefault(report.Name) is not { IsValid: true } found)
            return report;
        var known = _registered.GetValueOrDefault(report.Name);

        // Statistics that were reset since have lost the own scans as well.
        var scans = known?.OwnScans <= found.Scans ? found.Scans - known.OwnScans : found.Scans;
        return report with
        {
            Method = found.DefinitionFor(report.Type, dimensions)?.Method,
            SizeBytes = found.Bytes,
            Scans = scans,
            IsUnused = scans == 0 && _watched.Contains(report.Name),
            BuildTime = known?.BuildSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            Effort = known?.Effort,
            Recall = known?.Recall,
        };
    }
}
