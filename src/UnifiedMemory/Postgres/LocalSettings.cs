using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>Settings of the server for one SELECT, in force when it is planned and gone after it: nothing stays behind in the session.</summary>
/// <param name="values">Never what a caller gave: they become part of SQL.</param>
/// <param name="distributed">
/// Whether workers of a distributed engine have to be told. Only literal SET LOCAL in a transaction that was begun reaches them, and
/// costs 50 to 60 µs. Elsewhere one <c>set_config</c> for all is enough: a batch without BEGIN is one transaction up to its end.
/// </param>
internal sealed class LocalSettings(IReadOnlyList<(string Name, string Value)> values, bool distributed)
{
    /// <summary>Whether a row comes before those of the SELECT.</summary>
    public bool YieldsRow => !distributed;

    /// <summary>Adds what sets them, the SELECT, and what ends them.</summary>
    public void AddTo(NpgsqlBatchCommandCollection commands, NpgsqlBatchCommand select)
    {
        if (!distributed)
        {
            commands.Add(SetConfig());
            commands.Add(select);
            return;
        }

        commands.Add(new NpgsqlBatchCommand("BEGIN READ ONLY"));
        foreach (var (name, value) in values)
            commands.Add(new NpgsqlBatchCommand($"SET LOCAL {name} = {value}"));
        commands.Add(select);
        commands.Add(new NpgsqlBatchCommand("COMMIT"));
    }

    /// <summary>The values are written out, and need not be bound: efforts are rounded, so that a few statements are prepared.</summary>
    private NpgsqlBatchCommand SetConfig() =>
        new("SELECT " + string.Join(", ", values.Select(setting => $"set_config('{setting.Name}', '{setting.Value}', true)")));
}
