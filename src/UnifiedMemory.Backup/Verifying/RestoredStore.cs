using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Everything that is checked of a store that was restored, wherever it is.</summary>
/// <param name="programs">What it is checked with.</param>
/// <param name="manifest">What was recorded.</param>
/// <param name="insights">What was marked; <c>null</c> when nothing was.</param>
internal sealed class RestoredStore(PostgresPrograms programs, BackupManifest manifest, QueuedInsights? insights)
{
    /// <param name="checks">Where the outcome goes.</param>
    /// <param name="address">The database.</param>
    /// <param name="isScratch">Whether it is thrown away afterwards, and so may be changed.</param>
    /// <param name="isLater">Whether it is of a later moment than its backup.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Whether the store opens.</returns>
    public async Task<bool> CheckAsync(CheckList checks, ServerAddress address, bool isScratch, bool isLater, CancellationToken cancellationToken)
    {
        RecordedContents? contents;
        var connection = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var major = connection.PostgreSqlVersion.Major;
            contents = await new ContentChecks(manifest, insights).RunAsync(checks, connection, cancellationToken).ConfigureAwait(false);
            await new StructureCheck(programs).RunAsync(checks, address, manifest.Schemas, major, isScratch, cancellationToken).ConfigureAwait(false);
        }

        // The last one, as it may migrate.
        await new StoreAnswers(manifest, contents).RunAsync(checks, address.ConnectionString, isScratch, isLater, cancellationToken).ConfigureAwait(false);
        return checks.HasPassed("store");
    }
}
