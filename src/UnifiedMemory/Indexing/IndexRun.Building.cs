using System.Globalization;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Indexing;

internal sealed partial class IndexRun
{
    /// <summary>The share of the memories that may come or go until the recall is measured again.</summary>
    private const double MeasuredFor = 0.2;

    private async Task<MaintainedIndex> BuildAsync(
        MaintainedIndex report, IndexPlan plan, FoundIndex? existing, bool broken, VectorIndexDefinition wanted, string reason,
        CancellationToken cancellationToken)
    {
        var former = existing?.DefinitionFor(report.Type, dimensions);
        if (existing is not null && former is null)
            reason = $"was none that a search can use; {reason}";
        TimeSpan? buildTime = null;
        if (Unfinished(wanted) is { } finished)
        {
            // Built by a host that ended before it could exchange it.
            wanted = finished;
        }
        else
        {
            await DropUnfinishedAsync(report.Name, cancellationToken).ConfigureAwait(false);
            Log.IndexBuilding(logger, report.Name, schema.Name, wanted.ToString(), reason);
            buildTime = await builder.BuildAsync(wanted, report.Rows, progress, cancellationToken).ConfigureAwait(false);
        }

        var replaced = existing is null ? Replaced.None
            : former is not null && former.HalfPrecision != wanted.HalfPrecision ? Replaced.Keep
            : Replaced.Drop;
        if (existing is not null)
            await DropFoundAsync(wanted.ReplacedName, cancellationToken).ConfigureAwait(false);
        await builder.ExchangeAsync(
            wanted, replaced, report.Rows, buildTime, LowestEffort(wanted), cancellationToken).ConfigureAwait(false);
        var bytes = await builder.SizeAsync(report.Name, cancellationToken).ConfigureAwait(false);
        if (buildTime is { } took)
        {
            StoreMetrics.RecordIndexBuild(report.Name, VectorIndexDefinition.MethodName(wanted.Method), took);
            Log.IndexBuilt(logger, report.Name, schema.Name, took, bytes);
        }

        var measured = await MeasureAsync(wanted, report.Rows, RecallMeasurement.SamplesFor(report.Rows), cancellationToken).ConfigureAwait(false);
        report = report with
        {
            Action = broken ? IndexAction.Repaired : existing is null ? IndexAction.Built : IndexAction.Rebuilt,
            Reason = reason,
            Method = wanted.Method,
            SizeBytes = bytes,
            BuildTime = buildTime,
            Effort = measured?.Effort ?? LowestEffort(wanted),
            Recall = measured?.Recall,
        };
        return await WithEnoughLinksAsync(report, plan, wanted, measured, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Builds a graph with twice the links in the place of one that surely misses its recall whatever a search spends. Where memories are
    /// many the samples are few, and one that is found by none costs 0.04: they are taken anew, and more of them, before anything is built.
    /// </summary>
    private async Task<MaintainedIndex> WithEnoughLinksAsync(
        MaintainedIndex report, IndexPlan plan, VectorIndexDefinition index, MeasuredRecall? measured, CancellationToken cancellationToken)
    {
        var target = options.Indexes.TargetRecall;
        if (measured is null || measured.Recall >= target)
            return report;
        if (plan.Denser(index) is { } denser)
        {
            await ReadAsync(cancellationToken).ConfigureAwait(false);
            measured = await MeasureAsync(index, report.Rows, RecallMeasurement.MostSamples, cancellationToken).ConfigureAwait(false);
            if (measured is null)
                return report;
            report = report with { Effort = measured.Effort, Recall = measured.Recall };
            if (measured.SurelyMisses(target))
            {
                // Whatever ends the build, the next run comes here again.
                await register.ForgetMeasurementAsync(connection, index.Name, cancellationToken).ConfigureAwait(false);
                var reason = string.Create(CultureInfo.InvariantCulture, $"{index} has a recall of {measured.Recall:F3} at most, asked for is {target}");
                var better = await BuildAsync(
                    report, plan, _found.GetValueOrDefault(report.Name), broken: false, denser, reason, cancellationToken).ConfigureAwait(false);
                return report.Action is IndexAction.Built or IndexAction.Repaired ? better with { Action = report.Action } : better;
            }
        }

        if (measured.Recall < target)
            Log.RecallMissed(logger, index.Name, schema.Name, measured.Recall, target, index.ToString());
        return report;
    }

    private async Task<MaintainedIndex> KeepAsync(
        MaintainedIndex report, FoundIndex existing, IndexDecision decision, IndexPlan plan, CancellationToken cancellationToken)
    {
        var index = decision.Wanted!;
        if (plan.Denser(index) is { } denser && Unfinished(denser) is not null)
        {
            return await BuildAsync(
                report, plan, existing, broken: false, denser, "was given more links by a host that ended before the exchange", cancellationToken).ConfigureAwait(false);
        }

        await DropUnfinishedAsync(report.Name, cancellationToken).ConfigureAwait(false);
        var known = _registered.GetValueOrDefault(report.Name);
        var adopted = known is null || !known.Describes(index);
        if (adopted)
        {
            var rows = existing.Rows > 0 ? (long)existing.Rows : report.Rows;
            await register.RecordAsync(connection, index, rows, existing.Bytes, null, LowestEffort(index), cancellationToken).ConfigureAwait(false);
            _registered.Remove(report.Name);
            known = null;
        }

        report = Known(report) with
        {
            Action = adopted ? IndexAction.Adopted : IndexAction.Kept,
            Reason = adopted ? "was there and is what is wanted" : decision.Reason,
        };
        if (!IsMeasurementDue(known, index))
            return report;

        var measured = await MeasureAsync(index, report.Rows, RecallMeasurement.SamplesFor(report.Rows), cancellationToken).ConfigureAwait(false);
        if (measured is null)
            return report;

        if (known?.ReasonToRebuild(measured, options.Indexes.TargetRecall, LowestEffort(index)) is { } reason)
        {
            var better = plan.Replace(index, reason);
            return await BuildAsync(
                report, plan, existing, broken: false, better.Wanted!, better.Reason, cancellationToken).ConfigureAwait(false);
        }

        return await WithEnoughLinksAsync(
            report with { Effort = measured.Effort, Recall = measured.Recall }, plan, index, measured, cancellationToken).ConfigureAwait(false);
    }

    private bool IsMeasurementDue(RegisteredIndex? known, VectorIndexDefinition index)
    {
        var (least, most) = _counts.RangeOf(index.Type);
        return known?.MeasuredRows is not { } measuredRows
            || known.IsStale
            || known.TargetRecall != options.Indexes.TargetRecall
            || known.Effort < LowestEffort(index)
            || least > (1 + MeasuredFor) * measuredRows
            || most < (1 - MeasuredFor) * measuredRows;
    }

    private async Task<MeasuredRecall?> MeasureAsync(VectorIndexDefinition index, long rows, int samples, CancellationToken cancellationToken)
    {
        progress?.Report(new IndexProgress(index.Name, "measuring recall", null));
        var target = options.Indexes.TargetRecall;
        var measured = await measurement.MeasureAsync(
            connection, index, rows, samples, _counts, LowestEffort(index), target, cancellationToken).ConfigureAwait(false);
        if (measured is null)
            return null;

        await register.RecordRecallAsync(
            connection, index.Name, measured, target, rows, _found.GetValueOrDefault(index.Name)?.Scans ?? 0, cancellationToken).ConfigureAwait(false);
        StoreMetrics.RecordIndexRecall(index.Name, measured.Recall, measured.Effort);
        Log.RecallMeasured(logger, index.Name, schema.Name, measured.Recall, measured.Effort);
        return measured;
    }

    private int LowestEffort(VectorIndexDefinition index) =>
        index.Method == VectorIndexMethod.Hnsw ? options.Hnsw.EfSearch : IndexSizing.Probes(index.Lists);

    /// <summary>An index that was built and not exchanged, if it is like the one that is wanted.</summary>
    private VectorIndexDefinition? Unfinished(VectorIndexDefinition wanted) =>
        _found.GetValueOrDefault(wanted.BuildingName)?.DefinitionFor(wanted.Type, dimensions) is { } found
            && found.IsLike(wanted) ? found : null;
}
