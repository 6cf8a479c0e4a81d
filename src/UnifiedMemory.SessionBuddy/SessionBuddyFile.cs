using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.SessionBuddy.Exporting;
using UnifiedMemory.SessionBuddy.Files;
using UnifiedMemory.SessionBuddy.Importing;
using UnifiedMemory.SessionBuddy.Monitoring;

namespace UnifiedMemory.SessionBuddy;

/// <summary>
/// Session-Buddy's file, <c>reflection.duckdb</c>: what is in it is imported once, and patterns and dependencies are exported
/// to it. A running Session-Buddy holds it locked: stop it first, or import a copy.
/// </summary>
/// <param name="path">The file. A leading <c>~/</c> is the user's home.</param>
/// <param name="loggerFactory">Where to log. Default: nowhere.</param>
/// <param name="timeProvider">The clock. Default: <see cref="TimeProvider.System"/>.</param>
public sealed class SessionBuddyFile(string path, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
{
    private readonly string _path = DuckDbFile.Resolve(path);
    private readonly ILogger _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<SessionBuddyFile>();
    private readonly TimeProvider _time = timeProvider ?? TimeProvider.System;

    /// <summary>The collection whose table of before June 2026 is known too.</summary>
    internal string CollectionTag { get; init; } = new SessionBuddyOptions().CollectionTag;

    /// <summary>
    /// Reads reflections, insights, conversations, patterns, groups and dependencies, of this layout and of the former ones, and
    /// stores them: embedded anew, what is there already not again. The file is opened for reading only. Safe to run again,
    /// also after it was broken off.
    /// </summary>
    /// <param name="store">Where to.</param>
    /// <param name="namespace">The namespace of everything that is imported.</param>
    /// <param name="progress">Told of the table that is being read, as it goes.</param>
    /// <param name="cancellationToken">Ends the import; what is stored stays.</param>
    /// <exception cref="UnifiedMemoryException">The file cannot be read now, or the store failed.</exception>
    public async Task<SessionBuddyImport> ImportAsync(
        UnifiedMemoryStore store,
        string @namespace = MemoryFilter.DefaultNamespace,
        IProgress<SessionBuddyImportTable>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        try
        {
            using var connection = await Task.Run(() => DuckDbFile.Open(_path, readOnly: true), cancellationToken).ConfigureAwait(false);
            var import = new FileImport(connection, store, @namespace, progress);
            var report = await import.RunAsync(cancellationToken).ConfigureAwait(false);
            foreach (var table in report.Tables)
                Log.Imported(_logger, table.Table, table.Read, table.Created, table.AlreadyStored, table.Rejected);
            return report;
        }
        catch (Exception exception) when (exception is FileUnavailableException or DuckDBException)
        {
            throw Failure("import", exception);
        }
    }

    /// <summary>
    /// Writes all patterns and dependencies of the store, and a group of projects for each namespace that has dependencies, into
    /// the file's tables. Patterns and groups that came from here are brought up to date. A dependency that the file has, from here or from
    /// elsewhere, stays as it is there, and so does a pattern from elsewhere; nothing is deleted.
    /// </summary>
    /// <param name="store">Where from.</param>
    /// <param name="cancellationToken">Ends the export; then nothing is written.</param>
    /// <exception cref="UnifiedMemoryException">
    /// The file cannot be written now, has no layout that is known, or the store failed. Nothing is written.
    /// </exception>
    public async Task<SessionBuddyExport> ExportProjectsAsync(UnifiedMemoryStore store, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);

        // Read before the file is opened: while it is open, Session-Buddy cannot start.
        var patterns = await store.ListPatternsAsync(new PatternFilter { Namespace = MemoryFilter.AllNamespaces }, cancellationToken)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        var dependencies = await store.ListDependenciesAsync(new DependencyFilter { Namespace = MemoryFilter.AllNamespaces }, cancellationToken)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        if (patterns.Count == 0 && dependencies.Count == 0)
            return new SessionBuddyExport(0, 0, 0);
        try
        {
            var export = await DuckDbFile.RunAsync(
                _path, readOnly: false, (connection, token) => Write(connection, patterns, dependencies, token), cancellationToken).ConfigureAwait(false);
            Log.Exported(_logger, export.Patterns, export.Dependencies, export.Groups, _path);
            return export;
        }
        catch (Exception exception) when (exception is FileUnavailableException or UnknownLayoutException or DuckDBException)
        {
            throw Failure("export", exception);
        }
    }

    private SessionBuddyExport Write(
        DuckDBConnection connection, List<ProjectPattern> patterns, List<ProjectDependency> dependencies, CancellationToken cancellationToken)
    {
        // Any other DuckDB file would take the tables.
        _ = ReflectionLayout.Of(DuckDbFile.TablesOf(connection), CollectionTag);
        using var transaction = connection.BeginTransaction();
        ProjectTables.Create(connection);
        var foreign = new ForeignPatterns(connection, patterns);
        foreach (var pattern in patterns)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!foreign.Include(pattern))
                ProjectTables.Write(connection, pattern);
        }

        foreach (var dependency in dependencies)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ProjectTables.Write(connection, dependency);
        }

        var groups = dependencies.GroupBy(dependency => dependency.Namespace, StringComparer.Ordinal).ToList();
        foreach (var group in groups)
        {
            var projects = group.SelectMany(dependency => new[] { dependency.Source, dependency.Target }).Distinct(StringComparer.Ordinal);
            ProjectTables.WriteGroup(connection, group.Key, projects, _time.GetUtcNow());
        }

        transaction.Commit();
        return new SessionBuddyExport(patterns.Count, dependencies.Count, groups.Count);
    }

    /// <summary>A message of DuckDB may quote a value, so it is not repeated.</summary>
    private UnifiedMemoryException Failure(string operation, Exception cause) => cause switch
    {
        FileUnavailableException { IsInUse: var isInUse } => new UnifiedMemoryException(operation, cause.Message, isTransient: isInUse, cause),
        UnknownLayoutException => new UnifiedMemoryException(operation, $"{_path}: {cause.Message}", isTransient: false, cause),
        _ => new UnifiedMemoryException(operation, $"DuckDB failed on {_path}: {((DuckDBException)cause).ErrorType} error.", isTransient: false),
    };
}
