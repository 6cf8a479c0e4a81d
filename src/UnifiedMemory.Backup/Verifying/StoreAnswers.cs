using UnifiedMemory.Backup.Contents;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Opens the restored store as a host does, and asks it what was recorded.</summary>
/// <param name="manifest">What was recorded.</param>
/// <param name="contents">What was restored, where that could be read.</param>
internal sealed class StoreAnswers(BackupManifest manifest, RecordedContents? contents)
{
    /// <summary>What searches by index must find at least of what comparing everything finds.</summary>
    private const double LeastRecall = 0.9;

    private const int Limit = 10;

    private readonly EmbeddingSpace _space = contents?.Space ?? manifest.Space;

    private bool _isOlder;

    public async Task RunAsync(CheckList checks, string connectionString, bool isScratch, bool isLater, CancellationToken cancellationToken)
    {
        var options = new UnifiedMemoryOptions
        {
            ConnectionString = connectionString,
            SchemaPrefix = manifest.SchemaPrefix,
            TextSearchConfiguration = contents?.TextSearchConfiguration ?? manifest.TextSearchConfiguration,
            MaxPoolSize = 2,
            ApplicationName = "UnifiedMemory.Backup",
        };
        options.Indexes.HalfPrecision = _space.Dimensions > 2000;
        var store = UnifiedMemoryStore.Create(options, new RecordedEmbeddings(manifest, _space));
        await using (store.ConfigureAwait(false))
        {
            if (!await checks.RunAsync("store", () => OpenAsync(store, isScratch, cancellationToken), recovers: true).ConfigureAwait(false))
                return;
            await checks.RunAsync("searches", () => manifest switch
            {
                _ when _isOlder => throw new CheckSkippedException("the store is not migrated yet"),
                _ when _space != manifest.Space => throw new CheckSkippedException("the embedding space was changed after the backup"),
                { Canaries.Count: 0 } => throw new CheckSkippedException("no search was recorded: the store held no memory without an expiry"),
                { Kind: BackupKind.Physical } => AnswerAsync(store, isLater, cancellationToken),
                _ => CompareAsync(store, cancellationToken),
            }).ConfigureAwait(false);
        }
    }

    private async Task<string> OpenAsync(UnifiedMemoryStore store, bool mayMigrate, CancellationToken cancellationToken)
    {
        var migrated = "";
        var status = await store.GetMigrationStatusAsync(cancellationToken).ConfigureAwait(false);
        if (status.Pending.Count > 0)
        {
            if (!mayMigrate)
            {
                _isOlder = true;
                return $"the schema is at version {status.Applied.DefaultIfEmpty().Max()}, older than this library, which needs {status.Pending[^1]}: "
                    + "call MigrateAsync() next, or set MigrateOnStart to Apply. The store was not opened";
            }

            var from = status.Applied.DefaultIfEmpty().Max();
            status = await store.MigrateAsync(cancellationToken).ConfigureAwait(false);
            migrated = $", after migrating from version {from} to {status.Applied[^1]}; whoever restores it calls MigrateAsync()";
        }

        var count = await store.CountAsync(new MemoryFilter { Namespace = MemoryFilter.AllNamespaces }, cancellationToken).ConfigureAwait(false);
        return $"opens and counts {count} memories{migrated}";
    }

    private async Task<string> CompareAsync(UnifiedMemoryStore store, CancellationToken cancellationToken)
    {
        var expected = 0;
        var foundByIndex = 0;
        for (var i = 0; i < manifest.Canaries.Count; i++)
        {
            var canary = manifest.Canaries[i];
            var exact = await SearchAsync(store, i, exact: true, cancellationToken).ConfigureAwait(false);
            var missing = canary.Ids.Except(exact).ToList();
            if (missing.Count > 0)
                throw new CheckFailedException($"search {i} no longer finds {string.Join(", ", missing)}");
            var byIndex = await SearchAsync(store, i, exact: false, cancellationToken).ConfigureAwait(false);
            expected += canary.Ids.Count;
            foundByIndex += canary.Ids.Intersect(byIndex).Count();
        }

        if (foundByIndex < LeastRecall * expected)
            throw new CheckFailedException($"searches as the store plans them find {foundByIndex} of the {expected} recorded memories");
        return $"{manifest.Canaries.Count} searches find the {expected} recorded memories; as the store plans them, {foundByIndex}";
    }

    /// <summary>After the backup, everything that was there may have been deleted; where memories are, a search finds some.</summary>
    private async Task<string> AnswerAsync(UnifiedMemoryStore store, bool isLater, CancellationToken cancellationToken)
    {
        var found = 0;
        for (var i = 0; i < manifest.Canaries.Count; i++)
            found += (await SearchAsync(store, i, exact: false, cancellationToken).ConfigureAwait(false)).Count;
        if (found == 0)
        {
            var count = 0L;
            foreach (var name in manifest.Canaries.Select(canary => canary.Namespace).Distinct())
                count += await store.CountAsync(new MemoryFilter { Namespace = name }, cancellationToken).ConfigureAwait(false);
            if (count > 0 || !isLater)
                throw new CheckFailedException($"none of the {manifest.Canaries.Count} recorded searches finds anything; there are {count} memories where they look");
            throw new CheckSkippedException("there is no memory where the recorded searches look: the log after the backup has removed them all");
        }

        return $"{manifest.Canaries.Count} searches answer with {found} memories; of which moment is told by the recovery, so they are not compared";
    }

    private async Task<List<Guid>> SearchAsync(UnifiedMemoryStore store, int canary, bool exact, CancellationToken cancellationToken)
    {
        var matches = await store.SearchAsync(
            new MemoryQuery(RecordedEmbeddings.TextOf(canary))
            {
                Namespace = manifest.Canaries[canary].Namespace,
                Mode = SearchMode.Vector,
                Limit = Limit,
                Exact = exact,
            }, cancellationToken).ConfigureAwait(false);
        return [.. matches.Select(match => match.Record.Id)];
    }
}
