using Npgsql;

namespace UnifiedMemory.Backup.Tests;

public sealed class RestoreTests : BackupFixture
{
    [Test]
    public async Task A_store_is_restored_into_a_new_database_and_is_the_same()
    {
        await QueueAsync();
        await QueueAsync("insight_arrivals");
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"restored_{Prefix}";
        try
        {
            var report = await backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) });

            Assert.That(report.Passed, report.ToString());
            Assert.That(await FingerprintAsync(DatabaseOf(database)), Is.EqualTo(await FingerprintAsync(ConnectionString)), "every row is the same");
            Assert.That(await AttemptsAsync(DatabaseOf(database)), Is.EqualTo(1), "it may have been delivered after the backup");
            Assert.That(await AttemptsAsync(DatabaseOf(database), "insight_arrivals"), Is.EqualTo(1));
            Assert.That(await AttemptsAsync(ConnectionString), Is.Zero, "the live one is not touched");
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

    [Test]
    public async Task A_new_database_is_filled_by_several_connections_and_goes_when_that_fails()
    {
        var backup = NewBackup(options => options.RestoreJobs = 2);
        var manifest = await backup.TakeAsync();
        var database = $"parallel_{Prefix}";
        var options = new RestoreOptions { ConnectionString = DatabaseOf(database) };
        var progress = new ToldProgress(told =>
        {
            if (told.Phase == BackupPhase.Restoring)
                BackupServer.ExecuteAsync($"CREATE SCHEMA {Schema}", DatabaseOf(database)).GetAwaiter().GetResult(); // in the way of pg_restore
        });
        try
        {
            Assert.That(() => backup.RestoreAsync(manifest.Id, options, progress), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("already exists"));
            Assert.That(await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM pg_database WHERE datname = '{database}'"), Is.Zero, "nothing half-way is left");

            var report = await backup.RestoreAsync(manifest.Id, options);
            Assert.That(
                report.Checks.Single(check => check.Name == "restore").Detail,
                Does.StartWith(Environment.ProcessorCount > 1 ? "restored with 2 connections" : "restored with 1 connection"));
            Assert.That(await FingerprintAsync(DatabaseOf(database)), Is.EqualTo(await FingerprintAsync(ConnectionString)));
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [Test]
    public async Task A_store_of_an_older_schema_is_restored_and_the_report_tells_the_next_step()
    {
        var latest = (await Store.GetMigrationStatusAsync()).Applied[^1];
        await Store.MigrateDownAsync(latest - 1);
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"older_{Prefix}";
        try
        {
            var report = await backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) });

            Assert.That(report.Checks.Single(check => check.Name == "store").Detail, Does.StartWith($"the schema is at version {latest - 1}").And.Contain("MigrateAsync()"));
            Assert.That(report.Checks.Single(check => check.Name == "searches").Outcome, Is.EqualTo(CheckOutcome.Skipped));
            Assert.That(await FingerprintAsync(DatabaseOf(database)), Is.EqualTo(await FingerprintAsync(ConnectionString)), "every row is the same");
            Assert.That((await backup.VerifyAsync(manifest.Id)).ToString(), Does.Contain($"after migrating from version {latest - 1} to {latest}"));
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [Test]
    public async Task A_database_with_a_newer_pgvector_takes_the_backup()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var path = Path.Combine(TargetPath, manifest.Id + ".manifest.json");
        var json = System.Text.Json.Nodes.JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        json["extensions"]!["vector"] = "0.7.9";
        await File.WriteAllTextAsync(path, json.ToJsonString());

        var report = await backup.VerifyAsync(manifest.Id);

        Assert.That(report.Passed, report.ToString());
        Assert.That(report.Checks.Single(check => check.Name == "versions").Detail, Does.Contain("(backed up: 0.7.9)"));
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

        var report = await backup.RestoreAsync(manifest.Id, new RestoreOptions
        {
            ConnectionString = ConnectionString,
            ReplaceExisting = true,
            ConfirmDatabase = "memory",
        });

        Assert.That(await FingerprintAsync(ConnectionString), Is.EqualTo(before));
        var kept = await BackupServer.ScalarAsync<string>($"SELECT nspname::text FROM pg_namespace WHERE nspname LIKE '{Prefix}memories_until_%'");
        Assert.That(report.ToString(), Does.Contain($"kept as '{kept}'"));
        Assert.That(await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {kept}.memories"), Is.Zero, "the old one is there to be looked at");
        await BackupServer.ExecuteAsync($"DROP SCHEMA {kept} CASCADE");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task The_store_is_in_its_place_again_when_the_restore_is_cancelled_or_fails(bool cancels)
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        await Store.StoreAsync(new NewMemory("after the backup", MemoryType.Agent));
        var before = await FingerprintAsync(ConnectionString);
        using var cancelling = new CancellationTokenSource();
        var progress = new ToldProgress(told =>
        {
            if (told.Phase != BackupPhase.Restoring)
                return;
            if (cancels)
                cancelling.Cancel();
            else
                BackupServer.ExecuteAsync($"CREATE SCHEMA {Schema}").GetAwaiter().GetResult(); // in the way of pg_restore
        });
        var options = new RestoreOptions { ConnectionString = ConnectionString, ReplaceExisting = true, ConfirmDatabase = "memory" };

        Assert.That(
            () => backup.RestoreAsync(manifest.Id, options, progress, cancelling.Token),
            cancels
                ? Throws.InstanceOf<OperationCanceledException>()
                : Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("(the store that was there has its name again) failed"));

        Assert.That(await FingerprintAsync(ConnectionString), Is.EqualTo(before));
        var others = await BackupServer.ScalarAsync<string>($"SELECT coalesce(string_agg(nspname, ','), '') FROM pg_namespace WHERE nspname LIKE '{Schema}_%'");
        Assert.That(others, cancels ? Is.Empty : Does.Match($"^{Schema}_tried_[0-9]{{14}}$"), "nothing is dropped");
        if (!cancels)
            await BackupServer.ExecuteAsync($"DROP SCHEMA {others}");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task What_is_in_its_place_is_told_also_when_the_checks_are_cancelled_or_cannot_be_made(bool cancels)
    {
        await QueueAsync();
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"told_{Prefix}";
        var options = new RestoreOptions { ConnectionString = DatabaseOf(database), ReplaceExisting = true, ConfirmDatabase = database };
        using var cancelling = new CancellationTokenSource();
        var progress = new ToldProgress(told =>
        {
            if (told.Phase != BackupPhase.Checking)
                return;
            if (cancels)
                cancelling.Cancel();
            else
                BackupServer.ExecuteAsync($"ALTER DATABASE {database} ALLOW_CONNECTIONS false").GetAwaiter().GetResult();
        });
        try
        {
            await backup.RestoreAsync(manifest.Id, options);

            var exception = Assert.CatchAsync(() => backup.RestoreAsync(manifest.Id, options, progress, cancelling.Token));

            Assert.That(exception, cancels ? Is.InstanceOf<OperationCanceledException>() : Is.InstanceOf<UnifiedMemoryException>());
            Assert.That(
                exception.Message,
                Does.Contain($"{manifest.Id} is restored into {database} (the store that was there is kept as '{Schema}_until_")
                    .And.Contain("what is queued for sinks is marked as tried; the checks after it"));
            await BackupServer.ExecuteAsync($"ALTER DATABASE {database} ALLOW_CONNECTIONS true");
            Assert.That(await FingerprintAsync(DatabaseOf(database)), Is.EqualTo(await FingerprintAsync(ConnectionString)));
            Assert.That(await AttemptsAsync(DatabaseOf(database)), Is.EqualTo(1), "a host may deliver it from here on");
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [Test]
    public async Task A_host_that_claims_while_the_restored_store_is_checked_has_a_second_attempt_and_keeps_its_lease()
    {
        await QueueAsync();
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"claimed_{Prefix}";
        var progress = new ToldProgress(told =>
        {
            if (told.Phase == BackupPhase.Checking)
                ClaimAsync(DatabaseOf(database)).GetAwaiter().GetResult();
        });
        try
        {
            var report = await backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) }, progress);

            Assert.That(report.Passed, report.ToString());
            Assert.That(await AttemptsAsync(DatabaseOf(database)), Is.EqualTo(2), "so the sink looks whether it has it");
            Assert.That(await LeasesAsync(DatabaseOf(database)), Is.EqualTo(1), "no other host takes it as well");
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [TestCase("1 hour", 1)]
    [TestCase("-1 hour", 0)]
    public async Task A_lease_is_left_to_its_host_until_it_has_ended(string duration, int left)
    {
        await QueueAsync();
        await ClaimAsync(ConnectionString, duration);
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"leased_{Prefix}";
        try
        {
            await backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) });

            Assert.That(await LeasesAsync(DatabaseOf(database)), Is.EqualTo(left));
            Assert.That(await AttemptsAsync(DatabaseOf(database)), Is.EqualTo(1));
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [Test]
    public async Task A_queued_insight_that_is_another_one_is_found_though_it_was_marked()
    {
        await QueueAsync();
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        await ChangeManifestAsync(manifest.Id, json =>
            json["tables"]!.AsArray().Single(table => (string?)table!["name"] == "insight_outbox")!["samples"]![0]!["sha256"] = new string('0', 64));
        var database = $"another_{Prefix}";
        try
        {
            Assert.That(
                () => backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) }),
                Throws.InstanceOf<UnifiedMemoryException>()
                    .With.Message.Contains($"is restored into {database}, what is queued for sinks is marked as tried, and a check failed. ")
                    .And.Message.Contains($"a row of {Schema}.insight_outbox is another one"));
            Assert.That(await AttemptsAsync(DatabaseOf(database)), Is.EqualTo(1));
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
    }

    [Test]
    public async Task A_restore_beside_other_things_that_is_cancelled_leaves_no_session()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var database = $"beside_{Prefix}";
        await BackupServer.ExecuteAsync($"CREATE DATABASE {database}");
        var sessions = $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name LIKE 'UnifiedMemory.Backup %'";
        using var cancelling = new CancellationTokenSource();
        try
        {
            // Its CREATE SCHEMA waits for this one.
            await using var blocker = await BackupServer.OpenAsync(DatabaseOf(database));
            await using var begin = new NpgsqlCommand($"BEGIN; CREATE SCHEMA {Schema}", blocker);
            await begin.ExecuteNonQueryAsync();
            var cancel = Eventually.TrueAsync(
                async () => await BackupServer.ScalarAsync<long>(sessions + " AND wait_event_type = 'Lock'") == 1, "pg_restore waits")
                .ContinueWith(_ => cancelling.CancelAsync(), TaskScheduler.Default).Unwrap();

            Assert.That(
                () => backup.RestoreAsync(manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) }, cancellationToken: cancelling.Token),
                Throws.InstanceOf<OperationCanceledException>());

            await cancel;
            Assert.That(await BackupServer.ScalarAsync<long>(sessions), Is.Zero);
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        }
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

    /// <summary>As a host does.</summary>
    private Task ClaimAsync(string connectionString, string duration = "1 hour") => BackupServer.ExecuteAsync(
        $"UPDATE {Schema}.insight_outbox SET lease_id = gen_random_uuid(), leased_until = now() + interval '{duration}', attempts = attempts + 1",
        connectionString);

    private Task<long> LeasesAsync(string connectionString) =>
        BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.insight_outbox WHERE lease_id IS NOT NULL", connectionString);

    private Task<string> FingerprintAsync(string connectionString) => BackupServer.ScalarAsync<string>(
        $"SELECT count(*) || ' ' || md5(string_agg(memories::text, '' ORDER BY id)) FROM {Schema}.memories", connectionString);
}
