using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Physical;

/// <summary>Restores a base backup, with the log that is archived since, into a server that is thrown away.</summary>
internal sealed class PhysicalVerification(BackupOptions options, PostgresPrograms programs, ServerAddress live, TimeProvider time)
{
    public Task<bool> RunAsync(
        CheckList checks, BackupManifest manifest, string archive, IProgress<BackupProgress>? progress, CancellationToken cancellationToken) =>
        new PhysicalRestore(programs, live, manifest, time).RunAsync(
            checks, archive, dataDirectory: null, options.WorkDirectory, options.WalArchive, targetTime: null,
            phase => progress?.Report(new BackupProgress(manifest.Id, phase, 0)), cancellationToken);
}
