using Npgsql;

namespace UnifiedMemory.Indexing;

internal sealed partial class RecallMeasurement
{
    /// <summary>
    /// How far down the nearest are measured for filters: a filter that one memory in ten passes reaches down to the 200th for 20 results.
    /// </summary>
    private const int Deep = 200;

    /// <summary>Of the 200 nearest: what a filtered search finds at that depth. A little above the 0.98 that it is to find.</summary>
    private const double DeepTarget = 0.985;

    private static readonly double[] Reserves = [1.5, 2, 2.5, 3, 4];

    /// <summary>In a smaller index there are hardly more candidates than neighbours.</summary>
    private static readonly long FewestRowsForReserve = (long)(Deep * Reserves[^1]);

    /// <summary>
    /// How many candidates it takes to have the nearest among them far down. Between clusters a graph is poorer than within: of two sets with
    /// equal recall at 20, one needed 1.5 and the other 3.
    /// </summary>
    private async Task<MeasuredRecall> WithReserveAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, Guid[] samples, double[][] foundWithLeast, double[][] nearest,
        MeasuredRecall measured, CancellationToken cancellationToken)
    {
        var found = foundWithLeast;
        foreach (var reserve in Reserves)
        {
            if (reserve > Reserves[0])
            {
                found = await SearchAsync(connection, index, samples, EffortFor(reserve), Deep, cancellationToken).ConfigureAwait(false);
                measured = measured with { Scans = measured.Scans + samples.Length };
            }

            measured = measured with { Reserve = reserve };
            if (Recall(found, Farthest(nearest, Deep), Deep).Mean >= DeepTarget)
                break;
        }

        return measured;
    }

    private static int EffortFor(double reserve) => (int)(Deep * reserve);
}
