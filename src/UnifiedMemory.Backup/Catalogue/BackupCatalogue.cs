using System.Text.Json;

namespace UnifiedMemory.Backup.Catalogue;

/// <summary>
/// The backups of one store in a target. Their files are the only record: a manifest makes a backup, and a report beside it
/// says whether it was verified.
/// </summary>
internal sealed class BackupCatalogue(IBackupTarget target, string schema)
{
    /// <returns>The newest first.</returns>
    public async Task<IReadOnlyList<BackupEntry>> ListAsync(CancellationToken cancellationToken)
    {
        var files = await FilesAsync(cancellationToken).ConfigureAwait(false);
        return
        [
            .. files.Keys
                .Where(id => files[id].ContainsKey(id.Manifest))
                .Select(id => new BackupEntry(
                    id.ToString(), id.Kind, id.StartedAt,
                    files[id].ContainsKey(id.Failed) ? BackupState.Failed : files[id].ContainsKey(id.Passed) ? BackupState.Verified : BackupState.Unverified,
                    files[id].GetValueOrDefault(id.Data)))
                .OrderByDescending(entry => entry.StartedAt).ThenBy(entry => entry.Kind),
        ];
    }

    /// <exception cref="FileNotFoundException">There is no such backup.</exception>
    /// <exception cref="JsonException">The file is damaged.</exception>
    public async Task<BackupManifest> ReadManifestAsync(BackupId id, CancellationToken cancellationToken)
    {
        var stream = await target.OpenReadAsync(id.Manifest, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var manifest = await JsonSerializer.DeserializeAsync<BackupManifest>(stream, BackupJson.Options, cancellationToken).ConfigureAwait(false)
                ?? throw new JsonException("The manifest is empty.");
            return manifest.FormatVersion == 1 && manifest.Id == id.ToString() && manifest.FileName == id.Data
                ? manifest
                : throw new JsonException($"It is not the manifest of {id} in format 1; it says {manifest.Id} and {manifest.FormatVersion}.");
        }
    }

    public Task WriteManifestAsync(BackupId id, BackupManifest manifest, CancellationToken cancellationToken) =>
        WriteAsync(id.Manifest, manifest, cancellationToken);

    public async Task WriteReportAsync(BackupId id, VerificationReport report, CancellationToken cancellationToken)
    {
        await WriteAsync(report.Passed ? id.Passed : id.Failed, report, cancellationToken).ConfigureAwait(false);
        await target.DeleteAsync(report.Passed ? id.Failed : id.Passed, cancellationToken).ConfigureAwait(false);
    }

    public async Task<VerificationReport?> ReadReportAsync(BackupId id, CancellationToken cancellationToken)
    {
        foreach (var name in new[] { id.Failed, id.Passed })
        {
            try
            {
                var stream = await target.OpenReadAsync(name, cancellationToken).ConfigureAwait(false);
                await using (stream.ConfigureAwait(false))
                    return await JsonSerializer.DeserializeAsync<VerificationReport>(stream, BackupJson.Options, cancellationToken).ConfigureAwait(false);
            }
            catch (FileNotFoundException)
            {
            }
        }

        return null;
    }

    /// <summary>The manifest first: what is left when this is interrupted is no backup, and goes with the next run.</summary>
    public async Task DeleteAsync(BackupId id, CancellationToken cancellationToken)
    {
        foreach (var name in new[] { id.Manifest, id.Data, id.Passed, id.Failed })
            await target.DeleteAsync(name, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes what a killed process has left. The caller holds the lock of the store's backups.</summary>
    public async Task<int> RemoveLeftoversAsync(CancellationToken cancellationToken)
    {
        var removed = await target.RemoveLeftoversAsync(BackupId.PrefixOf(schema), cancellationToken).ConfigureAwait(false);
        foreach (var (id, names) in await FilesAsync(cancellationToken).ConfigureAwait(false))
        {
            if (names.ContainsKey(id.Manifest))
                continue;
            foreach (var name in names.Keys)
                await target.DeleteAsync(name, cancellationToken).ConfigureAwait(false);
            removed += names.Count;
        }

        return removed;
    }

    private async Task<Dictionary<BackupId, Dictionary<string, long>>> FilesAsync(CancellationToken cancellationToken)
    {
        var files = new Dictionary<BackupId, Dictionary<string, long>>();
        await foreach (var file in target.ListAsync(BackupId.PrefixOf(schema), cancellationToken).ConfigureAwait(false))
        {
            if (!BackupId.TryParse(file.Name, out var id, out _) || id.Schema != schema)
                continue;
            if (!files.TryGetValue(id, out var names))
                files[id] = names = new(StringComparer.Ordinal);
            names[file.Name] = file.Length;
        }

        return files;
    }

    private Task WriteAsync<T>(string name, T value, CancellationToken cancellationToken) =>
        target.WriteAsync(name, (stream, token) => JsonSerializer.SerializeAsync(stream, value, BackupJson.Options, token), cancellationToken);
}
