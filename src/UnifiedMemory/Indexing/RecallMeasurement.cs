using System.Data;
using System.Globalization;
using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>
/// Measures the recall at 20 of an index: stored vectors are searched through it and exactly. One snapshot for all of it, so that
/// what is written meanwhile does not count.
/// </summary>
/// <remarks>
/// <para>
/// A neighbour counts as found when it is no farther than the true 20th, which treats memories of equal distance alike. The vector that
/// is searched for is stored, at distance 0, and would be found always: it is left out of both.
/// </para>
/// <para>
/// The true neighbours of all samples are found in one pass over the table, without sorting it: a first search through the index says
/// for each sample how far they are at most, and only what is nearer is looked at.
/// </para>
/// </remarks>
internal sealed partial class RecallMeasurement(StoreSchema schema, int dimensions)
{
    private const int Neighbours = 20;

    /// <summary>
    /// Samples × memories of the pass over the table: at most 20 million distances, but 25 samples at least. Measured at 768 dimensions: 5
    /// million in 2 s. By that it takes 8 s from 100,000 memories on, 10 s at a million, 100 s at ten million.
    /// </summary>
    private const long ComparedAtMost = 20_000_000;

    private const int FewestSamples = 25;

    /// <summary>Enough to be sure of a few hundredths.</summary>
    public const int MostSamples = 200;

    /// <summary>Standard errors below the mean, for 95 % of a normal distribution on one side.</summary>
    private const double OneSided = 1.645;

    /// <summary>The index is to be used here, whatever the planner thinks of it.</summary>
    private const string Settings =
        """
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_bitmapscan = off;
        SET LOCAL enable_sort = off;
        SET LOCAL jit = off;
        SET LOCAL hnsw.iterative_scan = relaxed_order;
        SET LOCAL random_page_cost = 1.1;
        """;

    private const string ExactSettings =
        """
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_bitmapscan = on;
        SET LOCAL enable_sort = on;
        SET LOCAL max_parallel_workers_per_gather = 0;
        """;

    public static int SamplesFor(long rows) => (int)Math.Clamp(ComparedAtMost / Math.Max(1, rows), FewestSamples, MostSamples);

    /// <summary>Raises the effort from the lowest on until the target is surely reached.</summary>
    /// <returns><c>null</c> when there is too little to measure, or the server does not use the index.</returns>
    public async Task<MeasuredRecall?> MeasureAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, long rows, int samplesWanted, MemoryCounts counts, int lowest, double target,
        CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var samples = await SampleAsync(connection, index, rows, samplesWanted, counts, cancellationToken).ConfigureAwait(false);
            if (samples.Length == 0)
                return null;
            await ExecuteAsync(connection, Settings, cancellationToken).ConfigureAwait(false);
            if (!await UsesIndexAsync(connection, index, samples, cancellationToken).ConfigureAwait(false))
                return null;

            var withReserve = index.Method == VectorIndexMethod.Hnsw && rows >= FewestRowsForReserve;
            var (first, neighbours) = withReserve ? (EffortFor(Reserves[0]), Deep) : (lowest, Neighbours);
            var found = await SearchAsync(connection, index, samples, first, neighbours, cancellationToken).ConfigureAwait(false);
            var nearest = await NearestAsync(connection, index, samples, found, neighbours, cancellationToken).ConfigureAwait(false);
            var measured = await WithEffortAsync(connection, index, samples, nearest, rows, lowest, target, cancellationToken).ConfigureAwait(false);
            measured = measured with { Scans = measured.Scans + samples.Length };
            return withReserve
                ? await WithReserveAsync(connection, index, samples, found, nearest, measured, cancellationToken).ConfigureAwait(false)
                : measured;
        }
    }

    private async Task<MeasuredRecall> WithEffortAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, Guid[] samples, double[][] nearest, long rows, int lowest, double target,
        CancellationToken cancellationToken)
    {
        MeasuredRecall? measured = null;
        foreach (var effort in IndexSizing.Efforts(index.Method, lowest, index.Lists))
        {
            var found = await SearchAsync(connection, index, samples, effort, Neighbours, cancellationToken).ConfigureAwait(false);
            var (recall, least) = Recall(found, Farthest(nearest, Neighbours), Math.Min(Neighbours, rows - 1));
            measured = new MeasuredRecall(effort, recall, (measured?.Scans ?? 0) + samples.Length) { Error = recall - least };
            if (least >= target)
                break;
        }

        return measured!;
    }

    /// <summary>Random memories of the index. Above some size not all of the table is read for it, but random pages.</summary>
    private async Task<Guid[]> SampleAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, long rows, int wanted, MemoryCounts counts, CancellationToken cancellationToken)
    {
        // 50 times as many as needed, since pages are drawn and a type may sit in few of them.
        var percentage = Math.Min(100, 100.0 * 50 * wanted / Math.Max(1, rows));
        var pages = percentage >= 100 || counts.Total < 10_000
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" TABLESAMPLE SYSTEM ({percentage:F4})");
        var ids = await connection.QueryAsync<Guid>(new CommandDefinition(
            $"SELECT id FROM {schema.Memories}{pages}{VectorIndexDefinition.WhereOf(index.Type)} ORDER BY random() LIMIT {wanted}",
            cancellationToken: cancellationToken)).ConfigureAwait(false);
        return [.. ids];
    }

    private async Task<bool> UsesIndexAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, Guid[] samples, CancellationToken cancellationToken)
    {
        var plan = await connection.QueryAsync<string>(new CommandDefinition(
            "EXPLAIN " + SearchSql(index, Neighbours), Parameters(samples), cancellationToken: cancellationToken)).ConfigureAwait(false);
        return plan.Any(line => line.Contains($" using {index.Name} ", StringComparison.Ordinal));
    }

    /// <summary>How far each sample's neighbours are that the index finds.</summary>
    internal async Task<double[][]> SearchAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, Guid[] samples, int effort, int neighbours, CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            connection, string.Create(CultureInfo.InvariantCulture, $"SET LOCAL {VectorIndexDefinition.EffortSetting(index.Method)} = {effort}"),
            cancellationToken).ConfigureAwait(false);
        var found = await connection.QueryAsync<(long Sample, double[] Distances)>(new CommandDefinition(
            SearchSql(index, neighbours), Parameters(samples), cancellationToken: cancellationToken)).ConfigureAwait(false);

        // Another of the same vector may have taken the place of the sample itself: one more than is looked at.
        return Ordered(
            found.Select(one => (one.Sample, one.Distances.Order().Take(neighbours).ToArray())), [.. samples.Select(_ => Array.Empty<double>())]);
    }

    /// <summary>How far each sample's true neighbours are, the nearest first.</summary>
    internal async Task<double[][]> NearestAsync(
        NpgsqlConnection connection, VectorIndexDefinition index, Guid[] samples, double[][] found, int neighbours, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, ExactSettings, cancellationToken).ConfigureAwait(false);

        // What is not nearer than as many that were found cannot be among the true ones.
        var bounds = found.Select(distances => distances.Length < neighbours ? double.PositiveInfinity : distances[^1]).ToArray();
        var exact = await connection.QueryAsync<(long Sample, double[] Distances)>(new CommandDefinition(
            ExactSql(index, neighbours), Parameters(samples).Add("bounds", NpgsqlDbType.Array | NpgsqlDbType.Double, bounds),
            cancellationToken: cancellationToken)).ConfigureAwait(false);
        await ExecuteAsync(connection, Settings, cancellationToken).ConfigureAwait(false);
        var nearer = Ordered(exact, [.. bounds.Select(_ => Array.Empty<double>())]);
        return [.. nearer.Select((distances, sample) =>
            (double[])[.. distances, .. Enumerable.Repeat(bounds[sample], neighbours - distances.Length)])];
    }

    private static double[] Farthest(double[][] nearest, int neighbours) => [.. nearest.Select(distances => distances[neighbours - 1])];

    private string SearchSql(VectorIndexDefinition index, int neighbours) =>
        $"""
        SELECT sample.number AS "Sample", array_agg(nearest.distance) AS "Distances"
        FROM unnest(@samples) WITH ORDINALITY AS sample (id, number)
        JOIN {schema.Memories} AS asked ON asked.id = sample.id
        CROSS JOIN LATERAL (
            SELECT stored.id, stored.embedding <=> asked.embedding AS distance
            FROM {schema.Memories} AS stored{VectorIndexDefinition.WhereOf(index.Type)}
            ORDER BY {index.OrderedBy("stored", dimensions)} <=> {index.OrderedBy("asked", dimensions)} LIMIT {neighbours + 1}) AS nearest
        WHERE nearest.id <> asked.id
        GROUP BY sample.number
        """;

    /// <summary>
    /// LATERAL and OFFSET 0 keep the few samples inside and the memories outside: the planner would rather write all vectors into a
    /// temporary file and read that for each sample. 100,000 × 768 with 50 samples: 2 s instead of 7.
    /// </summary>
    private string ExactSql(VectorIndexDefinition index, int neighbours) =>
        $"""
        WITH sample AS MATERIALIZED (
            SELECT asked.id, asked.embedding, listed.bound, listed.number
            FROM unnest(@samples, @bounds) WITH ORDINALITY AS listed (id, bound, number) JOIN {schema.Memories} AS asked ON asked.id = listed.id)
        SELECT near.number AS "Sample", (array_agg(near.distance ORDER BY near.distance))[1:{neighbours}] AS "Distances"
        FROM (SELECT id, embedding FROM {schema.Memories}{VectorIndexDefinition.WhereOf(index.Type)}) AS stored
        CROSS JOIN LATERAL (
            SELECT sample.number, stored.embedding <=> sample.embedding AS distance FROM sample
            WHERE sample.id <> stored.id AND (stored.embedding <=> sample.embedding) < sample.bound OFFSET 0) AS near
        GROUP BY near.number
        """;

    /// <summary>
    /// The mean over the samples, and what the recall of the index is at least, 95 % sure: with 50 samples a mean of 0.98 may well be
    /// that of an index with 0.96.
    /// </summary>
    internal static (double Mean, double Least) Recall(double[][] found, double[] farthest, long neighbours)
    {
        if (neighbours < 1)
            return (1, 1);
        var recalls = found.Select((distances, sample) => Math.Min(neighbours, distances.Count(distance => distance <= farthest[sample])) / (double)neighbours).ToList();
        var mean = recalls.Average();
        var variance = recalls.Sum(recall => (recall - mean) * (recall - mean)) / Math.Max(1, recalls.Count - 1);
        return (mean, mean - (OneSided * Math.Sqrt(variance / recalls.Count)));
    }

    private static T[] Ordered<T>(IEnumerable<(long Sample, T Value)> values, T[] fallback)
    {
        var ordered = fallback.ToArray();
        foreach (var (sample, value) in values)
            ordered[sample - 1] = value;
        return ordered;
    }

    private static SqlParameters Parameters(Guid[] samples) =>
        new SqlParameters().Add("samples", NpgsqlDbType.Array | NpgsqlDbType.Uuid, samples);

    private static Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken));
}
