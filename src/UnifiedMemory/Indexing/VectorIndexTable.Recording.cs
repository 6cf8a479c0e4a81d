using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

internal sealed partial class VectorIndexTable
{
    private readonly string _all =
        $"""
        SELECT name AS "Name", method AS "Method", half_precision AS "HalfPrecision", lists AS "Lists", rows AS "Rows", bytes AS "Bytes",
               build_seconds AS "BuildSeconds", built_at > now() - interval '1 minute' AS "IsNew", effort AS "Effort", first_effort AS "FirstEffort",
               recall AS "Recall", target_recall AS "TargetRecall",
               measured_rows AS "MeasuredRows", COALESCE(measured_at < now() - interval '7 days', false) AS "IsStale", own_scans AS "OwnScans"
        FROM {schema.VectorIndexes}
        """;

    private readonly string _record =
        $"""
        INSERT INTO {schema.VectorIndexes} (name, memory_type, method, half_precision, lists, rows, bytes, build_seconds, effort)
        VALUES (@name, @type, @method, @half_precision, @lists, @rows, @bytes, @build_seconds, @effort)
        ON CONFLICT (name) DO UPDATE SET
            memory_type = excluded.memory_type, method = excluded.method, half_precision = excluded.half_precision,
            lists = excluded.lists, rows = excluded.rows, bytes = excluded.bytes, build_seconds = excluded.build_seconds,
            built_at = now(), effort = excluded.effort, first_effort = NULL, recall = NULL, reserve = NULL, target_recall = NULL,
            measured_at = NULL, measured_rows = NULL, own_scans = 0
        """;

    /// <summary>
    /// Where the server had counted fewer scans than the measurements had made, it began to count anew. The scans of this one are counted
    /// before the next run looks at them.
    /// </summary>
    private readonly string _recordRecall =
        $"""
        UPDATE {schema.VectorIndexes} SET
            effort = @effort, first_effort = CASE WHEN target_recall = @target THEN COALESCE(first_effort, @effort) ELSE @effort END,
            recall = @recall, reserve = @reserve, target_recall = @target, measured_at = now(), measured_rows = @rows,
            own_scans = CASE WHEN own_scans > @counted THEN 0 ELSE own_scans END + @scans
        WHERE name = @name;
        SELECT pg_stat_force_next_flush()
        """;

    private readonly string _forgetMeasurement = $"UPDATE {schema.VectorIndexes} SET measured_rows = NULL WHERE name = @name";

    private readonly string _forget = $"DELETE FROM {schema.VectorIndexes} WHERE name = @name";

    /// <summary>Every row, also of an index that is gone.</summary>
    public async Task<Dictionary<string, RegisteredIndex>> ReadAllAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<RegisteredIndex>(new CommandDefinition(_all, cancellationToken: cancellationToken)).ConfigureAwait(false))
        .ToDictionary(row => row.Name);

    /// <summary>Records an index that is new under its name, in the connection's transaction if it has one.</summary>
    public Task RecordAsync(
        NpgsqlConnection connection, VectorIndexDefinition definition, long rows, long bytes, TimeSpan? buildTime, int effort,
        CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(_record, new SqlParameters()
            .Add("name", NpgsqlDbType.Text, definition.Name)
            .Add("type", NpgsqlDbType.Text, definition.Type is { } type ? MemoryTypeNames.NameOf(type) : null)
            .Add("method", NpgsqlDbType.Text, VectorIndexDefinition.MethodName(definition.Method))
            .Add("half_precision", NpgsqlDbType.Boolean, definition.HalfPrecision)
            .Add("lists", NpgsqlDbType.Integer, definition.Lists)
            .Add("rows", NpgsqlDbType.Bigint, rows)
            .Add("bytes", NpgsqlDbType.Bigint, bytes)
            .Add("build_seconds", NpgsqlDbType.Real, (float?)buildTime?.TotalSeconds)
            .Add("effort", NpgsqlDbType.Integer, effort), cancellationToken: cancellationToken));

    /// <param name="connection">The session that measured.</param>
    /// <param name="name">The index's name.</param>
    /// <param name="measured">What was found.</param>
    /// <param name="target">The recall asked for.</param>
    /// <param name="rows">Memories in it.</param>
    /// <param name="counted">The scans that the server had counted before.</param>
    /// <param name="cancellationToken">Ends the statement.</param>
    public Task RecordRecallAsync(
        NpgsqlConnection connection, string name, MeasuredRecall measured, double target, long rows, long counted,
        CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(_recordRecall, new SqlParameters()
            .Add("name", NpgsqlDbType.Text, name)
            .Add("effort", NpgsqlDbType.Integer, measured.Effort)
            .Add("recall", NpgsqlDbType.Real, (float)measured.Recall)
            .Add("reserve", NpgsqlDbType.Real, (float?)measured.Reserve)
            .Add("target", NpgsqlDbType.Double, target)
            .Add("rows", NpgsqlDbType.Bigint, rows)
            .Add("counted", NpgsqlDbType.Bigint, counted)
            .Add("scans", NpgsqlDbType.Bigint, measured.Scans), cancellationToken: cancellationToken));

    /// <summary>The next run measures it again.</summary>
    public Task ForgetMeasurementAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, _forgetMeasurement, name, cancellationToken);

    public Task ForgetAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, _forget, name, cancellationToken);

    private static Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, string name, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            sql, new SqlParameters().Add("name", NpgsqlDbType.Text, name), cancellationToken: cancellationToken));
}
