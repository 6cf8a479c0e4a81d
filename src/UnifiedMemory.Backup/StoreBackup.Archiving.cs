using UnifiedMemory.Backup.Monitoring;
using UnifiedMemory.Backup.Physical;

namespace UnifiedMemory.Backup;

public sealed partial class StoreBackup
{
    /// <summary>
    /// Whether the server archives its write-ahead log: its settings, failures of its archiver, files that wait, growth of <c>pg_wal</c>.
    /// What is wrong is also an error in the log.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>What is wrong, and the exact configuration that is missing.</returns>
    /// <exception cref="UnifiedMemoryException">The server is out of reach.</exception>
    public Task<WalArchivingReport> CheckArchivingAsync(CancellationToken cancellationToken = default) =>
        GuardAsync("check_archiving", async () =>
        {
            var connection = await _address.OpenAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var report = await WalArchiving.CheckAsync(connection, _options.WalArchive, cancellationToken).ConfigureAwait(false);
                if (!report.IsWorking)
                    Log.ArchivingInTrouble(_logger, string.Join("; ", report.Problems));
                return report;
            }
        });
}
