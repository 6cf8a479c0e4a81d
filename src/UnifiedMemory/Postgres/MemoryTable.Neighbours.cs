namespace UnifiedMemory.Postgres;

/// <summary>The memories before and after another one: in its namespace and session, by the time of creation and the id.</summary>
internal sealed partial class MemoryTable
{
    /// <summary>What each pair in <c>beside</c> adds to either of the two; half for each further step.</summary>
    private const string Surrounded =
        """
        surrounded AS MATERIALIZED (
            SELECT pair.namespace, pair.id, sum(@neighbour_weight * 0.5::float8 ^ (pair.step - 1) * GREATEST(parted.vector_part + parted.text_part, 0)) AS part
            FROM (SELECT namespace, id, other, step FROM beside UNION SELECT namespace, other, id, step FROM beside) AS pair
                 JOIN parted ON parted.namespace = pair.namespace AND parted.id = pair.other
            GROUP BY pair.namespace, pair.id)
        """;

    /// <summary>The neighbours of the memories in another table expression. They fulfil the filter too.</summary>
    private string Beside(string source, int steps, string filter) =>
        $"""
        SELECT origin.namespace, origin.id, neighbour.id AS other, neighbour.step
        FROM {source} AS hit JOIN {schema.Memories} AS origin ON origin.namespace = hit.namespace AND origin.id = hit.id
             CROSS JOIN LATERAL (
                 (SELECT id, row_number() OVER (ORDER BY created_at DESC, id DESC) AS step FROM {schema.Memories}
                  WHERE namespace = origin.namespace AND session_id = origin.session_id
                    AND (created_at, id) < (origin.created_at, origin.id) AND {filter}
                  ORDER BY created_at DESC, id DESC LIMIT {steps})
                 UNION ALL
                 (SELECT id, row_number() OVER (ORDER BY created_at, id) AS step FROM {schema.Memories}
                  WHERE namespace = origin.namespace AND session_id = origin.session_id
                    AND (created_at, id) > (origin.created_at, origin.id) AND {filter}
                  ORDER BY created_at, id LIMIT {steps})) AS neighbour
        """;

    /// <summary>
    /// The rows of the neighbours of what is returned. OFFSET 0: in a table that was not analysed yet the planner expects one row of a
    /// namespace, joins all of them first, and looks for the neighbours once for each (10 s for 200 memories).
    /// </summary>
    private string Neighbours(int steps, string filter) =>
        $"""
        SELECT {MemoryReader.Columns}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, NULL, 0, of
        FROM (SELECT namespace, other AS id, id AS of FROM ({Beside("final", steps, filter)}) AS pair OFFSET 0) AS neighbour
             JOIN {schema.Memories} USING (namespace, id)
        """;
}
