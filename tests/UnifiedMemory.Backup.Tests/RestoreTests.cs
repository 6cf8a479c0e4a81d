namespace UnifiedMemory.Backup.Tests;

public sealed class RestoreTests : BackupFixture
{
    [Test]
    public async Task A_store_is_restored_into_a_new_database_and_is_the_same()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"restored_{Prefix}";
        try
        {
            var report = await backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) });

            Assert.That(report.Passed, report.ToString());
            Assert.That(await FingerprintAsync(DatabaseOf(database)), Is.EqualTo(await FingerprintAsync(ConnectionString)), "every row is the same");
            var options = StoreOptions();
            options.ConnectionString = DatabaseOf(database);
            await using var restored = UnifiedMemoryStore.Create(options, Embeddings);
            var expected = await Store.SearchAsync(new MemoryQuery("angle 30"));
            var found = await restored.SearchAsync(new MemoryQuery("angle 30"));
            Assert.That(found.Select(match => match.Record.Id), Is.EqualTo(expected.Select(match => match.Record.Id)));
            Assert.That((await restored.StoreAsync(new NewMemory("after the restore", MemoryType.Agent))).Outcome, Is.EqualTo(StoreOutcome.Created));
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [TestCase(false, null)]
    [TestCase(true, null)]
    [TestCase(false, "memory")]
    [TestCase(true, "other")]
    public async Task A_live_store_is_not_replaced_unless_asked_twice(bool replace, string? confirmed)
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var before = await FingerprintAsync(ConnectionString);

        Assert.That(
            () => backup.RestoreAsync(manifest.Id, new RestoreOptions
            {
                ConnectionString = ConnectionString,
                ReplaceExisting = replace,
                ConfirmDatabase = confirmed,
            }),
            Throws.InvalidOperationException.With.Message.Contains(Schema).And.Message.Contains("ConfirmDatabase"));
        Assert.That(await FingerprintAsync(ConnectionString), Is.EqualTo(before));
    }

    [Test]
    public async Task Asked_twice_the_backup_takes_the_place_of_the_store_which_is_kept()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var before = await FingerprintAsync(ConnectionString);
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });

        await backup.RestoreAsync(manifest.Id, new RestoreOptions
        {
            ConnectionString = ConnectionString,
            ReplaceExisting = true,
            ConfirmDatabase = "memory",
        });

        Assert.That(await FingerprintAsync(ConnectionString), Is.EqualTo(before));
        var kept = await BackupServer.ScalarAsync<string>($"SELECT nspname::text FROM pg_namespace WHERE nspname LIKE '{Prefix}memories_until_%'");
        Assert.That(await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {kept}.memories"), Is.Zero, "the old one is there to be looked at");
        await BackupServer.ExecuteAsync($"DROP SCHEMA {kept} CASCADE");
    }

    [Test]
    public async Task A_backup_of_the_other_kind_is_a_mistake_of_the_caller()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();

        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = Path.Combine(Root, "data") }),
            Throws.ArgumentException.With.Message.Contains("RestoreAsync()"));
    }

    private Task<string> FingerprintAsync(string connectionString) => BackupServer.ScalarAsync<string>(
        $"SELECT count(*) || ' ' || md5(string_agg(memories::text, '' ORDER BY id)) FROM {Schema}.memories", connectionString);
}
