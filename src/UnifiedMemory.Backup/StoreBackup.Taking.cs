using System.Diagnostics;
using Dapper;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Monitoring;
using UnifiedMemory.Backup.Physical;

namespace UnifiedMemory.Backup;

public sealed partial class StoreBackup
{
    /// <summary>A moment that is to be restored is one of the server's clock, which may be ahead of this machine's.</summary>
    private const string TimeSql = "SELECT clock_timestamp()";

    /// <summary>
    /// Makes a backup while the store is in use. A call that is cancelled, fails or is killed leaves nothing that counts: no backup, no
    /// file under a final name, no program, no session; a partial file of a killed process goes with the next call.
    /// </summary>
    /// <param name="kind">Logical: the store's schemas. Physical: the whole server.</param>
    /// <param name="progress">Told what is under way, and after each 8 MiB.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The new backup, which nobody has verified yet.</returns>
    /// <exception cref="UnifiedMemoryException">
    /// It failed, a program of PostgreSQL's is missing, or another process is making one.
    /// </exception>
    public async Task<BackupManifest> TakeAsync(
        BackupKind kind = BackupKind.Logical, IProgress<BackupProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var session = await RequireSessionAsync(cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
            return await TakeAsync(session, kind, progress, cancellationToken).ConfigureAwait(false);
    }

    private async Task<BackupManifest> TakeAsync(
        BackupSession session, BackupKind kind, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var outcome = "failed";
        try
        {
            var manifest = await GuardAsync("backup", () => TakeLockedAsync(session, kind, progress, cancellationToken)).ConfigureAwait(false);
            outcome = "succeeded";
            BackupMetrics.Bytes.Record(manifest.Bytes, new KeyValuePair<string, object?>("kind", kind.ToString()));
            Log.Taken(_logger, manifest.Id, manifest.Bytes, Stopwatch.GetElapsedTime(started), _options.Target!.Description);
            return manifest;
        }
        finally
        {
            BackupMetrics.Duration.Record(
                Stopwatch.GetElapsedTime(started).TotalSeconds, new TagList { { "kind", kind.ToString() }, { "outcome", outcome } });
        }
    }

    private async Task<BackupManifest> TakeLockedAsync(
        BackupSession session, BackupKind kind, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var leftovers = await _catalogue.RemoveLeftoversAsync(cancellationToken).ConfigureAwait(false);
        if (leftovers > 0)
            Log.RemovedLeftovers(_logger, leftovers, _options.Target!.Description);

        // To the millisecond, as its name is.
        var now = _time.GetUtcNow();
        var id = new BackupId(_names.Main, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond)), kind);
        try
        {
            var manifest = await CopyAsync(session, id, progress, cancellationToken).ConfigureAwait(false);
            await _catalogue.WriteManifestAsync(id, manifest, cancellationToken).ConfigureAwait(false);
            return manifest;
        }
        catch
        {
            await DeleteQuietlyAsync(id).ConfigureAwait(false);
            throw;
        }
    }

    private async Task<BackupManifest> CopyAsync(
        BackupSession session, BackupId id, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        RecordedContents contents;
        long bytes;
        string sha256;
        string? firstWalFile = null;
        if (id.Kind == BackupKind.Logical)
            (contents, bytes, sha256) = await new LogicalDump(_options, _names, _programs).RunAsync(session, id, progress, cancellationToken).ConfigureAwait(false);
        else
            (contents, bytes, sha256, firstWalFile) = await new BaseBackup(_options, _names, _programs, _logger).RunAsync(session, id, progress, cancellationToken).ConfigureAwait(false);
        var finishedAt = _time.GetUtcNow();
        DateTimeOffset serversTime = await session.Connection.ExecuteScalarAsync<DateTime>(
            new CommandDefinition(TimeSql, cancellationToken: cancellationToken)).ConfigureAwait(false);
        return new BackupManifest
        {
            Id = id.ToString(),
            Kind = id.Kind,
            SchemaPrefix = _names.Prefix,
            Schemas = contents.Schemas,
            Database = session.Connection.Database,
            Host = Environment.MachineName,
            StartedAt = id.StartedAt,
            FinishedAt = serversTime > finishedAt ? serversTime : finishedAt,
            ServerVersion = contents.ServerVersion,
            Extensions = contents.Extensions,
            SchemaVersion = contents.SchemaVersion,
            TextSearchConfiguration = contents.TextSearchConfiguration,
            Space = contents.Space,
            FileName = id.Data,
            Bytes = bytes,
            Sha256 = sha256,
            FirstWalFile = firstWalFile,
            Tables = contents.Tables,
            Indexes = contents.Indexes,
            Constraints = contents.Constraints,
            Canaries = contents.Canaries,
        };
    }

    /// <summary>What cannot be deleted now is no backup either, and goes with the next one. The failure that led here is the one to tell.</summary>
    private async Task DeleteQuietlyAsync(BackupId id)
    {
        try
        {
            await _catalogue.DeleteAsync(id, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Log.NotDeleted(_logger, exception, id.ToString(), _options.Target!.Description);
        }
    }

    private async Task<BackupSession> RequireSessionAsync(CancellationToken cancellationToken) =>
        await GuardAsync("backup", () => BackupSession.TryOpenAsync(_address, _names.Main, cancellationToken)).ConfigureAwait(false)
            ?? throw new UnifiedMemoryException(
                "backup", $"Another process is making, verifying or removing backups of the schema '{_names.Main}'. Wait for it.", isTransient: true);
}
