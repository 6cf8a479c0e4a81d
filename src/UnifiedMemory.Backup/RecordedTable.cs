namespace UnifiedMemory.Backup;

/// <summary>What a table held when it was backed up.</summary>
/// <param name="Schema">Its schema.</param>
/// <param name="Name">Its name.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Columns">The columns that the hashes are over: all that are not generated.</param>
/// <param name="Key">The columns of its primary key; empty when it has none.</param>
/// <param name="Samples">Up to 100 of its rows.</param>
public sealed record RecordedTable(
    string Schema, string Name, long Rows, IReadOnlyList<string> Columns, IReadOnlyList<string> Key, IReadOnlyList<RecordedRow> Samples);
