using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Npgsql;
using UnifiedMemory.Backup.Physical;

namespace UnifiedMemory.Backup.Tests;

/// <summary>Base backups of a server that archives its log, and recovery from them.</summary>
[NonParallelizable]
public sealed class PhysicalBackupTests : ArchivingFixture
{
    [Test]
    public async Task A_server_is_restored_to_a_moment_between_two_states_or_to_the_end_and_never_beyond_it()
    {
        await QueueAsync();
        await QueueAsync("insight_arrivals");
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await Store.StoreAsync(new NewMemory("before the mistake", MemoryType.Project));
        var between = await ScalarAsync<DateTime>("SELECT clock_timestamp()");
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });
        await ArchiveAsync();

        var before = await backup.RestoreServerAsync(manifest.Id, To("before", between));
        Assert.That(Detail(before, "store"), Is.EqualTo($"opens and counts {Memories + 1} memories"), before.ToString());
        var end = await backup.RestoreServerAsync(manifest.Id, To("end", null));
        Assert.That(Detail(end, "store"), Is.EqualTo("opens and counts 0 memories"), end.ToString());
        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, To("beyond", between.AddHours(1))),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("the write-ahead log ends before"));

        await using var restored = await RestoredServer.StartAsync(Cluster, Path.Combine(Root, "before"));
        Assert.That(
            await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.memories WHERE content = 'before the mistake'", restored.ConnectionString),
            Is.EqualTo(1), "the directory is a server's, which starts as any other");
        Assert.That(await BackupServer.ScalarAsync<string>("SHOW hot_standby", restored.ConnectionString), Is.EqualTo("on"), "nothing of the recovery's settings stays");
        Assert.That(await AttemptsAsync(restored.ConnectionString), Is.EqualTo(1), "what was queued may have been delivered after that moment");
        Assert.That(await AttemptsAsync(restored.ConnectionString, "insight_arrivals"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_moment_before_the_backup_was_finished_is_refused()
    {
        var during = DateTime.MinValue;
        var manifest = await NewBackup(options => options.Target = new HeldTarget(
            options.Target!, ".tar.gz", async _ => during = await ScalarAsync<DateTime>("SELECT clock_timestamp()"))).TakeAsync(BackupKind.Physical);
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });
        await ArchiveAsync();

        Assert.That(
            () => NewPhysical().RestoreServerAsync(manifest.Id, To("during", during)),
            Throws.ArgumentException.With.Message.Contains("take an older backup"));
    }

    [TestCase(1)]
    [TestCase(0)]
    public async Task A_base_backup_is_verified_by_recovering_from_it(int compression)
    {
        var backup = NewBackup(options => (options.WalArchive, options.CompressionLevel) = (Archive, compression));
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        var report = await backup.VerifyAsync(manifest.Id);

        TestContext.Out.WriteLine(report);
        Assert.That(report.Passed, report.ToString());
        Assert.That(Detail(report, "archive"), Does.Contain("PostgreSQL's own manifest"));
        Assert.That(report.Checks.Select(check => check.Outcome), Is.All.EqualTo(CheckOutcome.Passed), report.ToString());
        Assert.That(manifest.FirstWalFile, Does.Match("^00000001[0-9A-F]{16}$"));
        Assert.That(Directory.GetFileSystemEntries(WorkPath), Is.Empty);
    }

    [Test]
    public async Task A_store_that_was_migrated_after_the_backup_is_recovered_as_it_is_now_and_one_before_it_as_it_was()
    {
        var latest = (await Store.GetMigrationStatusAsync()).Applied[^1];
        await Store.MigrateDownAsync(latest - 1);
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await BackupServer.ExecuteAsync("SELECT pg_logical_emit_message(true, 'test', 'x')", ConnectionString);
        var older = await ScalarAsync<DateTime>("SELECT clock_timestamp()");
        await Store.MigrateAsync();
        await ArchiveAsync();

        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
        Assert.That(Detail(report, "versions"), Does.EndWith("changed in the log after the backup: schema version"));
        var restored = await backup.RestoreServerAsync(manifest.Id, To("older", older));
        Assert.That(Detail(restored, "store"), Does.Contain("call MigrateAsync() next"));
    }

    [Test]
    public async Task A_configuration_that_names_the_directory_of_the_live_server_does_not_lead_there()
    {
        var configuration = Path.Combine(Cluster.DataDirectory, "postgresql.conf");
        var before = await File.ReadAllTextAsync(configuration);
        var backup = NewPhysical();
        BackupManifest manifest;
        try
        {
            await File.AppendAllTextAsync(configuration, $"\ndata_directory = '{Cluster.DataDirectory}'\n");
            manifest = await backup.TakeAsync(BackupKind.Physical);
        }
        finally
        {
            await File.WriteAllTextAsync(configuration, before);
        }

        await ArchiveAsync();
        var report = await backup.RestoreServerAsync(manifest.Id, To("restored", null));

        Assert.That(Detail(report, "store"), Is.EqualTo($"opens and counts {Memories} memories"), report.ToString());
    }

    [Test]
    public async Task A_restore_that_is_cancelled_while_the_server_starts_leaves_no_server()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        using var cancelling = new CancellationTokenSource();
        var data = Path.Combine(Root, "cancelled");

        var restoring = backup.RestoreServerAsync(manifest.Id, To("cancelled", null), new ToldProgress(told =>
        {
            if (told.Phase == BackupPhase.Restoring)
                cancelling.Cancel();
        }), cancelling.Token);

        Assert.That(() => restoring.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Process.GetProcessesByName("postgres").Select(process => ReadCommandLine(process.Id)), Has.None.Contain(data));
    }

    [Test]
    public async Task A_restore_that_is_cancelled_when_the_server_has_recovered_says_so_and_leaves_a_server_as_any_other()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        using var cancelling = new CancellationTokenSource();
        var data = Path.Combine(Root, "recovered");

        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, To("recovered", null), new ToldProgress(told =>
            {
                if (told.Phase == BackupPhase.Checking)
                    cancelling.Cancel();
            }), cancelling.Token),
            Throws.InstanceOf<OperationCanceledException>().With.Message.Contains($"{manifest.Id} is restored into {data}"));

        await using var restored = await RestoredServer.StartAsync(Cluster, data);
        Assert.That(await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.memories", restored.ConnectionString), Is.EqualTo(Memories));
    }

    [Test]
    public async Task A_copy_that_outlasts_checkpoints_has_its_log_which_is_let_go_afterwards()
    {
        var slots = 0L;
        var backup = NewBackup(options =>
        {
            options.CompressionLevel = 0;
            options.Target = new HeldTarget(options.Target!, ".tar.gz", async _ =>
            {
                slots = await SlotsAsync();
                for (var i = 0; i < 3; i++)
                {
                    await ArchiveAsync();
                    await BackupServer.ExecuteAsync("CHECKPOINT", ConnectionString);
                }
            });
        });

        var manifest = await backup.TakeAsync(BackupKind.Physical);

        Assert.That(slots, Is.EqualTo(1));
        Assert.That(await SlotsAsync(), Is.Zero);
        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_base_backup_that_is_cancelled_or_fails_holds_no_log(bool cancels)
    {
        using var cancelling = new CancellationTokenSource();
        var slots = 0L;
        var backup = NewBackup(options => options.Target = new HeldTarget(options.Target!, ".tar.gz", async token =>
        {
            slots = await SlotsAsync();
            if (!cancels)
                throw new IOException("the target is full");
            await cancelling.CancelAsync();
            token.ThrowIfCancellationRequested();
        }));

        Assert.That(
            () => backup.TakeAsync(BackupKind.Physical, cancellationToken: cancelling.Token),
            cancels ? Throws.InstanceOf<OperationCanceledException>() : Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("the target is full"));

        Assert.That(slots, Is.EqualTo(1));
        Assert.That(await SlotsAsync(), Is.Zero);
    }

    [Test]
    public async Task The_documented_rights_are_enough_and_what_they_do_not_allow_is_left_out()
    {
        var role = $"{Prefix}backup";
        await BackupServer.ExecuteAsync($"CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'backup'; GRANT pg_read_all_data TO {role}", ConnectionString);
        var backup = NewBackup(options =>
        {
            options.WalArchive = Archive;
            options.ConnectionString = new NpgsqlConnectionStringBuilder(ConnectionString) { Username = role, Password = "backup" }.ConnectionString;
        });

        var report = (await backup.RunAsync(BackupKind.Physical))!;

        Assert.That(report.Passed, report.ToString());
        var structure = report.Checks.Single(check => check.Name == "pg_amcheck");
        Assert.That(structure.Outcome, Is.EqualTo(CheckOutcome.Skipped));
        Assert.That(structure.Detail, Does.Contain("permission denied"));
    }

    [Test]
    public async Task A_stranger_with_the_process_id_of_a_dead_server_is_left_alone()
    {
        var dead = Path.Combine(WorkPath, "unimem-01234567");
        var data = Directory.CreateDirectory(Path.Combine(dead, "data")).FullName;
        var start = new ProcessStartInfo("sleep", ["60"]);
        if (Cluster.ServerUser is { } user)
            start.UserName = user;
        using var stranger = Process.Start(start)!;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(dead, "lease"), "");
            await File.WriteAllTextAsync(Path.Combine(data, "PG_VERSION"), "17\n");
            await File.WriteAllTextAsync(Path.Combine(data, "postmaster.pid"), $"{stranger.Id}\n{data}\n");

            using var sockets = await SocketDirectory.CreateAsync(WorkPath, Path.Combine(Cluster.BinDirectory, "pg_ctl"), CancellationToken.None);

            Assert.That(Directory.Exists(dead), Is.False);
            Assert.That(stranger.HasExited, Is.False);
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Test]
    public async Task A_damaged_base_backup_is_refused_by_pg_verifybackup()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        var (data, unpacked) = (Path.Combine(TargetPath, manifest.FileName), Path.Combine(Root, "unpacked"));
        Directory.CreateDirectory(unpacked);
        await using (var tar = new GZipStream(File.OpenRead(data), CompressionMode.Decompress))
            await TarFile.ExtractToDirectoryAsync(tar, unpacked, overwriteFiles: false);
        var victim = Directory.GetFiles(Path.Combine(unpacked, "base"), "1259", SearchOption.AllDirectories)[0];
        var bytes = await File.ReadAllBytesAsync(victim);
        bytes[5000] ^= 1;
        await File.WriteAllBytesAsync(victim, bytes);
        await using (var tar = new GZipStream(File.Create(data), CompressionLevel.Fastest))
            await TarFile.CreateFromDirectoryAsync(unpacked, tar, includeBaseDirectory: false);
        var path = Path.Combine(TargetPath, manifest.Id + ".manifest.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        json["bytes"] = new FileInfo(data).Length;
        json["sha256"] = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(data)));
        await File.WriteAllTextAsync(path, json.ToJsonString());

        var report = await backup.VerifyAsync(manifest.Id);

        Assert.That(report.Failure, Does.Contain($"pg_verifybackup refuses {manifest.FileName}").And.Contain(Path.GetFileName(victim)));
    }

    [Test]
    public async Task A_server_is_never_restored_over_something_and_a_moment_needs_the_log()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync(BackupKind.Physical);

        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = TargetPath }),
            Throws.ArgumentException.With.Message.Contains("not empty"));
        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, To("moment", DateTime.UtcNow)),
            Throws.ArgumentException.With.Message.Contains("WalArchive"));
    }

    private static string ReadCommandLine(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (IOException)
        {
            return ""; // it has ended
        }
    }

    private Task<long> SlotsAsync() => ScalarAsync<long>("SELECT count(*) FROM pg_replication_slots");

    private ServerRestoreOptions To(string directory, DateTime? time) => new()
    {
        DataDirectory = Path.Combine(Root, directory),
        TargetTime = time,
    };
}
