using System.Globalization;
using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>pg_restore into a database that has no such store.</summary>
internal sealed class LogicalRestore(BackupOptions options, PostgresPrograms programs, BackupManifest manifest)
{
    /// <summary>Bytes of a graph for each row besides its vector; measured, see docs/scale.md.</summary>
    private const long GraphBytesPerRow = 400;

    private const long LeastMemoryBytes = 64L << 20;

    private static readonly Version SafeParallelBuilds = new(0, 8, 2); // CVE-2026-3172

    /// <summary>Reads the whole archive, and writes it nowhere: damage in compressed data shows.</summary>
    public async Task<string> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var program = await FindAsync(cancellationToken).ConfigureAwait(false);
        var result = await ChildProgram.RunAsync(new ProgramCall(program, [OperatingSystem.IsWindows() ? "--file=NUL" : "--file=/dev/null", path]), cancellationToken).ConfigureAwait(false);
        return result.ExitCode == 0
            ? "read to its end"
            : throw CheckFaults.Of(result, $"{manifest.FileName} cannot be read: {result.Messages}");
    }

    /// <param name="path">The archive.</param>
    /// <param name="database">Where to.</param>
    /// <param name="isNew">Whether there is nothing else, so that it goes as a whole when this fails.</param>
    /// <param name="insights">Marked as soon as they are there: hosts may be running. <c>null</c> when none can be.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="CheckFailedException">The archive cannot be restored; then nothing was, unless the database is new.</exception>
    public async Task<string> RestoreAsync(
        string path, ServerAddress database, bool isNew, QueuedInsights? insights, CancellationToken cancellationToken)
    {
        var jobs = isNew ? Math.Min(options.RestoreJobs, Environment.ProcessorCount) : 1;
        var program = await FindAsync(cancellationToken).ConfigureAwait(false);
        var memory = MemoryBytes();
        var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var vector = await EnsureExtensionAsync(connection, cancellationToken).ConfigureAwait(false);
            var settings = string.Create(CultureInfo.InvariantCulture, $"-c statement_timeout=0 -c lock_timeout=0 -c maintenance_work_mem={memory >> 10}kB");
            if (Version.TryParse(vector, out var version) && version < SafeParallelBuilds)
                settings += " -c max_parallel_maintenance_workers=0";
            var result = await ChildProgram.RunAsync(
                new ProgramCall(program,
                [
                    // A role that the live server has may be missing here.
                    "--no-owner", "--no-privileges", "--no-password", "--exit-on-error",
                    jobs > 1 ? string.Create(CultureInfo.InvariantCulture, $"--jobs={jobs}") : "--single-transaction",
                    $"--dbname=dbname='{database.Database.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'", path,
                ])
                {
                    Environment = database.ToEnvironment(settings),
                }, cancellationToken).ConfigureAwait(false);
            if (result.ExitCode != 0)
            {
                result = result with { Messages = WithoutContent(result.Messages) };
                throw CheckFaults.Of(result, $"{manifest.FileName} cannot be restored: {result.Messages}");
            }

            if (insights is not null)
                await insights.MarkAsync(connection, cancellationToken).ConfigureAwait(false);
            foreach (var table in manifest.Tables)
            {
                await connection.ExecuteAsync(new CommandDefinition(
                    $"ANALYZE {RowText.Table(table.Schema, table.Name)}", cancellationToken: cancellationToken)).ConfigureAwait(false);
            }
        }

        return $"restored with {jobs} {(jobs == 1 ? "connection" : "connections")}, indexes built with {memory >> 20} MiB each";
    }

    /// <summary>The context of a failed COPY quotes the row, which is a memory's content, and may have many lines.</summary>
    internal static string WithoutContent(string messages)
    {
        var isContent = false;
        return string.Join('\n', messages.Split('\n').Where(line =>
        {
            if (line.StartsWith("CONTEXT:", StringComparison.Ordinal) || line.StartsWith("DETAIL:", StringComparison.Ordinal))
                isContent = true;
            else if (line.StartsWith("pg_restore:", StringComparison.Ordinal))
                isContent = false;
            return !isContent;
        }));
    }

    private long MemoryBytes()
    {
        var rows = manifest.Tables.Select(table => table.Rows).DefaultIfEmpty().Max();
        return Math.Clamp(rows * ((4L * manifest.Space.Dimensions) + GraphBytesPerRow), LeastMemoryBytes, options.MaxMemoryBytes);
    }

    /// <summary>pg_dump of schemas holds no extension. The version that was backed up where the server has it.</summary>
    private async Task<string?> EnsureExtensionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string find = "SELECT extversion FROM pg_extension WHERE extname = 'vector'";
        const string available = "SELECT EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'vector' AND version = @recorded)";
        var recorded = manifest.Extensions.GetValueOrDefault("vector");
        if (await connection.ExecuteScalarAsync<string?>(Command(find)).ConfigureAwait(false) is { } present)
            return present;
        var isAvailable = await connection.ExecuteScalarAsync<bool>(Command(available, new { recorded })).ConfigureAwait(false);
        try
        {
            await connection.ExecuteAsync(Command(
                isAvailable ? $"CREATE EXTENSION vector VERSION {RowText.Quote(recorded!)}" : "CREATE EXTENSION vector")).ConfigureAwait(false);
        }
        catch (PostgresException exception)
        {
            throw new MissingPrerequisiteException(
                "restore", $"The extension vector {recorded} could not be created ({exception.MessageText}). Have an administrator install pgvector on that "
                + "server, and run in that database: CREATE EXTENSION vector;", exception)
            {
                SqlState = exception.SqlState,
            };
        }

        return await connection.ExecuteScalarAsync<string?>(Command(find)).ConfigureAwait(false);

        CommandDefinition Command(string sql, object? parameters = null) => new(sql, parameters, cancellationToken: cancellationToken);
    }

    /// <exception cref="UnifiedMemoryException">There is none.</exception>
    public Task<string> FindAsync(CancellationToken cancellationToken) => programs.FindAsync(
        "pg_restore", int.Parse(manifest.ServerVersion.Split('.')[0], CultureInfo.InvariantCulture), exactly: false, cancellationToken);
}
