using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace UnifiedMemory.Backup.Tests;

public sealed class LogicalBackupTests : BackupFixture
{
    [Test]
    public async Task A_backup_is_verified_by_restoring_it()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var report = await backup.VerifyAsync(manifest.Id);

        TestContext.Out.WriteLine(report);
        Assert.That(
            report.Checks.Select(check => check.Name),
            Is.EqualTo(new[] { "manifest", "hash", "archive", "restore", "versions", "rows", "samples", "indexes", "constraints", "pg_amcheck", "store", "searches" }));
        Assert.That(report.Checks.Select(check => check.Outcome), Is.All.EqualTo(CheckOutcome.Passed), report.ToString());
        Assert.That(report.Passed, report.ToString());
        Assert.That(report.RecoveryTime, Is.GreaterThan(TimeSpan.Zero));
        Assert.That((await backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Verified));
        Assert.That((await backup.GetReportAsync(manifest.Id))!.ToString(), Is.EqualTo(report.ToString()), "the report is kept as JSON");
        Assert.That(await BackupServer.ScalarAsync<long>("SELECT count(*) FROM pg_database WHERE datname LIKE 'unifiedmemory_scratch%'"), Is.Zero);
        Assert.That(Directory.GetFiles(WorkPath), Is.Empty);
    }

    [Test]
    public async Task What_a_killed_verification_has_left_goes_with_the_next_one_and_what_a_living_one_uses_does_not()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        Directory.CreateDirectory(WorkPath);
        var (dead, alive, young) = (PathOf(manifest, 'a'), PathOf(manifest, 'b'), PathOf(manifest, 'c'));
        foreach (var path in new[] { dead, alive, young, Path.Combine(WorkPath, "unifiedmemory-of-somebody-else.dump") })
            await File.WriteAllTextAsync(path, "copy");
        foreach (var path in Directory.GetFiles(WorkPath).Where(path => path != young))
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddHours(-1));
        await using var holder = new FileStream(alive, FileMode.Open, FileAccess.Write, FileShare.Read);
        await BackupServer.ExecuteAsync("CREATE DATABASE unifiedmemory_scratch_0123456789abcdef01");
        await BackupServer.ExecuteAsync("CREATE DATABASE unifiedmemory_scratch_0123456789abcdef02");
        try
        {
            await using var session = await BackupServer.OpenAsync(DatabaseOf("unifiedmemory_scratch_0123456789abcdef02"));

            Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);

            Assert.That(Directory.GetFiles(WorkPath), Is.EquivalentTo(new[] { alive, young, Path.Combine(WorkPath, "unifiedmemory-of-somebody-else.dump") }));
            Assert.That(
                await BackupServer.ScalarAsync<string>("SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE 'unifiedmemory_scratch%'"),
                Is.EqualTo("unifiedmemory_scratch_0123456789abcdef02"));
        }
        finally
        {
            await BackupServer.ExecuteAsync("DROP DATABASE IF EXISTS unifiedmemory_scratch_0123456789abcdef01");
            await BackupServer.ExecuteAsync("DROP DATABASE IF EXISTS unifiedmemory_scratch_0123456789abcdef02 WITH (FORCE)");
        }
    }

    [Test]
    public async Task The_copy_of_one_verification_is_left_alone_by_another_one()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        using (var copy = await Restoring.FetchedFile.FetchAsync(NewOptions(), manifest, null, CancellationToken.None))
        {
            File.SetLastWriteTimeUtc(copy.Path, DateTime.UtcNow.AddHours(-1));
            using var second = await Restoring.FetchedFile.FetchAsync(NewOptions(), manifest, null, CancellationToken.None);
            Assert.That(File.Exists(copy.Path), "the first one is in use");
        }

        Assert.That(Directory.GetFiles(WorkPath), Is.Empty);
    }

    private string PathOf(BackupManifest manifest, char digit) => Path.Combine(WorkPath, $"unifiedmemory-{new string(digit, 32)}-{manifest.FileName}");

    [Test]
    public async Task Without_a_scratch_server_a_private_one_proves_it()
    {
        var backup = NewBackup(options => options.ScratchConnectionString = null);
        var report = await backup.VerifyAsync((await backup.TakeAsync()).Id);

        Assert.That(report.Passed, report.ToString());
        Assert.That(report.Checks.Single(check => check.Name == "restore").Detail, Does.Contain("PostgreSQL"));
    }

    [Test]
    public async Task A_manifest_says_what_was_backed_up()
    {
        var manifest = await NewBackup().TakeAsync();

        Assert.That(manifest.Schemas, Is.EqualTo(new[] { Schema }));
        Assert.That(manifest.Tables.Single(table => table.Name == "memories").Rows, Is.EqualTo(Memories));
        Assert.That(manifest.Tables.Single(table => table.Name == "memories").Samples, Has.Count.EqualTo(Memories));
        Assert.That(manifest.SchemaVersion, Is.EqualTo((await Store.GetMigrationStatusAsync()).Applied[^1]));
        Assert.That(manifest.Space.Model, Is.EqualTo("recording"));
        Assert.That(manifest.Extensions.Keys, Does.Contain("vector"));
        Assert.That(manifest.Canaries, Has.Count.EqualTo(5));
        Assert.That(manifest.Canaries.SelectMany(canary => canary.Ids), Is.Not.Empty);
        Assert.That(manifest.Bytes, Is.EqualTo(new FileInfo(Path.Combine(TargetPath, manifest.FileName)).Length));
        Assert.That(await File.ReadAllTextAsync(Path.Combine(TargetPath, manifest.Id + ".manifest.json")), Does.Not.Contain("angle "), "no content of memories");
    }

    [Test]
    public async Task A_clock_that_is_behind_the_servers_does_not_make_a_backup_finished_too_early()
    {
        var before = await BackupServer.ScalarAsync<DateTime>("SELECT clock_timestamp()");

        var manifest = await StoreBackup.Create(
            StoreOptions(), NewOptions(), timeProvider: new FakeTimeProvider(new DateTimeOffset(before).AddHours(-1))).TakeAsync();

        Assert.That(manifest.FinishedAt, Is.GreaterThan(new DateTimeOffset(before)), "a moment of the server's is compared with it");
    }

    [Test]
    public async Task A_backup_of_a_store_that_is_written_to_is_consistent()
    {
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
                await Store.StoreAsync(new NewMemory($"written meanwhile {i}", MemoryType.Agent));
        });
        var backup = NewBackup();
        var before = await CountAsync();
        await Eventually.TrueAsync(async () => await CountAsync() > before, "writing is under way");
        var manifest = await backup.TakeAsync();
        var written = await CountAsync();
        await stop.CancelAsync();
        await writing;

        Assert.That(written, Is.GreaterThan(manifest.Tables.Single(table => table.Name == "memories").Rows), "it was written to meanwhile");
        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
    }

    [Test]
    public async Task Memories_that_expire_do_not_make_a_good_backup_fail()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 60).Select(i => new NewMemory($"angle {i * 3} soon gone", MemoryType.Rag)
        {
            ExpiresAt = DateTimeOffset.UtcNow.AddMilliseconds(1500),
        }));
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        await Eventually.TrueAsync(async () => await Store.CountAsync(new MemoryFilter { Namespace = "*" }) == Memories, "they expire");

        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
    }

    [Test]
    public async Task An_index_that_the_store_has_built_is_there_again()
    {
        var options = StoreOptions();
        options.Indexes.Threshold = 10;
        options.Indexes.TypeThreshold = 10;
        await using var store = UnifiedMemoryStore.Create(options, Embeddings);
        Assert.That((await store.MaintainIndexesAsync()).Indexes, Is.Not.Empty);
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();

        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
        Assert.That(manifest.Indexes, Does.Contain($"{Schema}.memories_embedding"));
    }

    [Test]
    public void A_program_that_is_missing_or_too_old_is_named_with_what_to_install()
    {
        Assert.That(
            () => NewBackup(options => options.BinDirectory = Root).TakeAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("pg_dump").And.Message.Contains("none was found").And.Message.Contains("apt-get install postgresql-client-"));
        var old = Path.Combine(Root, "pg_dump");
        File.WriteAllText(old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n");
        SetMode(old, 0b111_101_101);
        Assert.That(
            () => NewBackup(options => options.BinDirectory = Root).TakeAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains($"found: 9 ({old})"));
        Assert.That(TargetFiles, Is.Empty);
    }

    [Test]
    public async Task An_empty_store_is_backed_up_too()
    {
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });
        var backup = NewBackup();
        var report = await backup.VerifyAsync((await backup.TakeAsync()).Id);

        Assert.That(report.Passed, report.ToString());
        Assert.That(report.Checks[^1], Is.EqualTo(new VerificationCheck(
            "searches", CheckOutcome.Skipped, "no search was recorded: the store held no memory without an expiry", report.Checks[^1].Duration)));
    }

    [TestCase("heap tuple lacks matching index tuple", CheckOutcome.Failed)]
    [TestCase("btree index \"one\":\n    ERROR:  permission denied for function bt_index_check", CheckOutcome.Skipped)]
    [TestCase("btree index \"one\":\n    ERROR:  permission denied for function bt_index_check\nheap table \"two\", block 0:\n    it is damaged", CheckOutcome.Failed)]
    public async Task Corruption_that_only_amcheck_sees_is_refused(string found, CheckOutcome outcome)
    {
        // A B-tree that lacks a row, in the copy: a trigger cannot make one, a stand-in for pg_amcheck can say so.
        var programs = Directory.CreateDirectory(Path.Combine(Root, "bin")).FullName;
        foreach (var program in new[] { "pg_dump", "pg_restore" })
            File.CreateSymbolicLink(Path.Combine(programs, program), Path.Combine(BackupServer.Cluster.BinDirectory, program));
        var amcheck = Path.Combine(programs, "pg_amcheck");
        await File.WriteAllTextAsync(amcheck, "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_amcheck (PostgreSQL) 99.0'; else echo '" + found + "'; exit 2; fi\n");
        SetMode(amcheck, 0b111_101_101);
        var backup = NewBackup(options => options.BinDirectory = programs);
        var report = await backup.VerifyAsync((await backup.TakeAsync()).Id);

        var check = report.Checks.Single(check => check.Name == "pg_amcheck");
        Assert.That(check.Outcome, Is.EqualTo(outcome));
        Assert.That(check.Detail, Does.EndWith(found));
    }

    [Test]
    public void Without_a_store_there_is_nothing_to_back_up()
    {
        var store = new UnifiedMemoryOptions { ConnectionString = ConnectionString, SchemaPrefix = "missing_" };

        Assert.That(
            () => StoreBackup.Create(store, NewOptions()).TakeAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("There is no schema 'missing_memories'"));
        Assert.That(TargetFiles, Is.Empty);
    }

    [Test]
    public void Every_mistake_in_the_options_is_reported_at_once()
    {
        var options = new BackupOptions { CompressionLevel = 10, Schedule = "daily", TimeZone = "Middle/Earth" };

        Assert.That(
            () => StoreBackup.Create(StoreOptions(), options),
            Throws.InstanceOf<OptionsValidationException>().With.Property("Failures").Count.EqualTo(4));
    }

    private Task<long> CountAsync() => BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.memories");
}
