using System.Runtime.CompilerServices;
using DuckDB.NET.Data;
using UnifiedMemory.SessionBuddy.Files;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Importing;

/// <summary>One import of a file.</summary>
internal sealed class FileImport(
    DuckDBConnection connection, UnifiedMemoryStore store, string @namespace, IProgress<SessionBuddyImportTable>? progress)
{
    private const string Groups = "project_groups";
    private const string Dependencies = "project_dependencies";

    /// <summary>Rows of one call to the store, which holds a result for each.</summary>
    private const int RowsAtOnce = 5_000;

    private readonly IReadOnlyDictionary<string, IReadOnlySet<string>> _tables = DuckDbFile.TablesOf(connection);
    private readonly List<SessionBuddyImportTable> _done = [];
    private readonly List<string> _absent = [];

    public async Task<SessionBuddyImport> RunAsync(CancellationToken cancellationToken)
    {
        foreach (var table in Find("reflections", "reflections_v2"))
            await ImportMemoriesAsync(table, row => ImportedMemory.From(row, table, @namespace, isConversation: false), cancellationToken).ConfigureAwait(false);
        foreach (var table in Find("conversations", "conversations_v2"))
            await ImportMemoriesAsync(table, row => ImportedMemory.From(row, table, @namespace, isConversation: true), cancellationToken).ConfigureAwait(false);
        if (Has(ProjectTables.Patterns, "pattern_type", "context_snapshot", "solution_snapshot", "outcome_score"))
            await ImportEachAsync(ProjectTables.Patterns, PatternIds(), StorePatternAsync, cancellationToken).ConfigureAwait(false);
        if (Has(Groups, "name", "projects"))
            await ImportMemoriesAsync(Groups, row => ImportedMemory.FromGroup(row, Groups, @namespace), cancellationToken).ConfigureAwait(false);
        if (Has(Dependencies, "source_project", "target_project", "dependency_type"))
            await ImportEachAsync(Dependencies, DependencyIds(), AddDependencyAsync, cancellationToken).ConfigureAwait(false);
        return new SessionBuddyImport(_done, _absent);
    }

    /// <summary>The tables of one kind: the current one, and those of collections from before June 2026.</summary>
    private List<string> Find(string kind, string current)
    {
        var found = _tables.Keys
            .Where(table => table == current || table == kind || table.EndsWith("_" + kind, StringComparison.Ordinal))
            .Where(table => _tables[table].Contains("id") && _tables[table].Contains("content"))
            .Order(StringComparer.Ordinal).ToList();
        if (found.Count == 0)
            _absent.Add($"{current} or <collection>_{kind}");
        return found;
    }

    private bool Has(string table, params string[] columns)
    {
        var has = _tables.TryGetValue(table, out var there) && there.Contains("id") && columns.All(there.Contains);
        if (!has)
            _absent.Add(table);
        return has;
    }

    private async Task ImportMemoriesAsync(string table, Func<FileRow, NewMemory> convert, CancellationToken cancellationToken)
    {
        var tally = new ImportTally(table, progress);
        var rows = MemoriesAsync(table, convert, tally, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (rows.ConfigureAwait(false))
        {
            for (var ids = new List<string>(); await rows.MoveNextAsync().ConfigureAwait(false); ids.Clear())
            {
                var results = await store.StoreManyAsync(NextOf(rows, ids), tally, cancellationToken).ConfigureAwait(false);
                for (var i = 0; i < results.Count; i++)
                {
                    if (results[i].Rejection is { } reason)
                        tally.AddReason(ids[i], reason);
                }

                tally.EndCall();
            }
        }

        Finish(tally);
    }

    private static async IAsyncEnumerable<NewMemory> NextOf(IAsyncEnumerator<(string Id, NewMemory Memory)> rows, List<string> ids)
    {
        do
        {
            ids.Add(rows.Current.Id);
            yield return rows.Current.Memory;
        }
        while (ids.Count < RowsAtOnce && await rows.MoveNextAsync().ConfigureAwait(false));
    }

    private async IAsyncEnumerable<(string Id, NewMemory Memory)> MemoriesAsync(
        string table, Func<FileRow, NewMemory> convert, ImportTally tally, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var row in FileTable.Read(connection, table, _tables[table]))
        {
            cancellationToken.ThrowIfCancellationRequested();
            tally.Read();
            if (await CameFromHereAsync(table, row, cancellationToken).ConfigureAwait(false))
            {
                tally.Count(StoreOutcome.AlreadyStored);
                continue;
            }

            NewMemory memory;
            try
            {
                memory = convert(row);
            }
            catch (ArgumentException exception)
            {
                tally.Reject(row.Id, exception.Message);
                continue;
            }

            yield return (row.Id, memory);
        }
    }

    /// <summary>What the sink delivered has the id of its memory as a tag. A group that was exported says again what dependencies say.</summary>
    private async Task<bool> CameFromHereAsync(string table, FileRow row, CancellationToken cancellationToken)
    {
        if (table == Groups && row.Id.StartsWith(ProjectTables.GroupIdPrefix, StringComparison.Ordinal))
            return true;
        var tag = row.List("tags").Find(tag => tag.StartsWith(InsightTags.MemoryIdPrefix, StringComparison.Ordinal));
        return Guid.TryParse(tag?[InsightTags.MemoryIdPrefix.Length..], out var id)
            && await store.GetAsync(id, cancellationToken).ConfigureAwait(false) is not null;
    }

    private IAsyncEnumerable<Guid> PatternIds() =>
        store.ListPatternsAsync(new PatternFilter { Namespace = MemoryFilter.AllNamespaces }).Select(pattern => pattern.Id);

    private IAsyncEnumerable<Guid> DependencyIds() =>
        store.ListDependenciesAsync(new DependencyFilter { Namespace = MemoryFilter.AllNamespaces }).Select(dependency => dependency.Id);

    /// <summary>What the store exported has the ids of the store, whatever namespace it is in.</summary>
    private async Task ImportEachAsync(
        string table, IAsyncEnumerable<Guid> ofStore, Func<FileRow, CancellationToken, Task<StoreOutcome>> add, CancellationToken cancellationToken)
    {
        var exported = await ofStore.Select(Ulid.From).ToHashSetAsync(StringComparer.Ordinal, cancellationToken).ConfigureAwait(false);
        var tally = new ImportTally(table, progress);
        foreach (var row in FileTable.Read(connection, table, _tables[table]))
        {
            tally.Read();
            try
            {
                tally.Count(exported.Contains(row.Id) ? StoreOutcome.AlreadyStored : await add(row, cancellationToken).ConfigureAwait(false));
            }
            catch (ArgumentException exception)
            {
                tally.Reject(row.Id, exception.Message);
            }
        }

        Finish(tally);
    }

    private async Task<StoreOutcome> StorePatternAsync(FileRow row, CancellationToken cancellationToken)
    {
        var pattern = new ProjectPattern(
            row.Text("pattern_type") ?? "", row.Text("project_id"), row.Object("context_snapshot"), row.Object("solution_snapshot"),
            row.Number("outcome_score") ?? 0)
        {
            Namespace = @namespace,
            Tags = row.List("tags"),
            ApplicationCount = (int)Math.Clamp(row.Number("application_count") ?? 0, 0, int.MaxValue),
            LastApplied = row.Time("last_applied"),
            CreatedAt = row.Time("created_at"),
        };
        return (await store.StorePatternAsync(pattern, cancellationToken).ConfigureAwait(false)).Outcome;
    }

    private Task<StoreOutcome> AddDependencyAsync(FileRow row, CancellationToken cancellationToken)
    {
        var type = DependencyNames.Parse(row.Text("dependency_type") ?? "")
            ?? throw new ArgumentException("The dependency type is none of uses, extends, references and shares_code.");
        var dependency = new ProjectDependency(row.Text("source_project") ?? "", row.Text("target_project") ?? "", type)
        {
            Namespace = @namespace,
            Description = row.Text("description"),
            Metadata = row.Object("metadata"),
            CreatedAt = row.Time("created_at"),
        };
        return store.AddDependencyAsync(dependency, cancellationToken);
    }

    private void Finish(ImportTally tally)
    {
        _done.Add(tally.Result);
        progress?.Report(tally.Result);
    }
}
