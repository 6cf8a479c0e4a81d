namespace UnifiedMemory.Backup.Tests;

/// <summary>A base backup alone is no recovery to a moment: the archive of the log is verified with it.</summary>
[NonParallelizable]
public sealed class WalArchiveTests : ArchivingFixture
{
    [TestCase("empty", "wal", "lacks 0000000", "has nothing after it")]
    [TestCase("hole", "wal", "lacks ", "; the newest one there is ")]
    [TestCase("cut off", "wal restore", "instead of 16777216", "lacks ", "restore: the server did not recover", "has wrong size: 5 instead of 16777216")]
    [TestCase("last", "wal", "the server says that it has archived ", "is that where archive_command copies to?")]
    public async Task AnArchive_that_is_not_whole_fails_the_verification(string damage, string checks, params string[] details)
    {
        var (backup, manifest, later) = await TakeAsync();
        var archive = Copy();
        switch (damage)
        {
            case "empty": Directory.Delete(archive, recursive: true); Directory.CreateDirectory(archive); break;
            case "hole": File.Delete(Path.Combine(archive, later[0])); break;
            case "cut off": File.WriteAllText(Path.Combine(archive, later[0]), "short"); break;
            default: File.Delete(Path.Combine(archive, later[1])); break;
        }

        var report = await NewBackup(options => options.WalArchive = archive).VerifyAsync(manifest.Id);

        Assert.That(report.Checks.Where(check => check.Outcome == CheckOutcome.Failed).Select(check => check.Name), Is.EqualTo(checks.Split(' ')), report.ToString());
        foreach (var detail in details)
            Assert.That(report.Failure, Does.Contain(detail));
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed, "the archive itself is whole");
    }

    [Test]
    public async Task A_damaged_segment_in_which_the_recovery_would_silently_end_fails_the_verification()
    {
        var (backup, manifest, later) = await TakeAsync();
        var path = Path.Combine(Archive, later[0]);
        var bytes = await File.ReadAllBytesAsync(path);
        try
        {
            await File.WriteAllBytesAsync(path, new byte[bytes.Length]);
            var report = await backup.VerifyAsync(manifest.Id);
            Assert.That(report.Failure, Does.Contain("restore: the recovery ended at").And.Contain($"the archive goes on to {later[1]}"));
        }
        finally
        {
            await File.WriteAllBytesAsync(path, bytes);
        }
    }

    [Test]
    public async Task A_segment_that_cannot_be_read_is_not_taken_for_the_end_of_the_log()
    {
        var (backup, manifest, later) = await TakeAsync();
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);
        var archive = Copy();
        SetMode(Path.Combine(archive, later[0]), 0);
        var unreadable = NewBackup(options => options.WalArchive = archive);

        Assert.That(
            () => unreadable.RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = Path.Combine(Root, "data") }),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("Permission denied").And.Message.Contains(later[0]));
        Assert.That(
            () => unreadable.VerifyAsync(manifest.Id),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("The check 'restore' could not be made"));
        Assert.That((await backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Verified), "as it was");
    }

    [Test]
    public async Task A_log_that_is_damaged_in_the_middle_is_told_to_whoever_restores_to_the_end()
    {
        var (_, manifest, later) = await TakeAsync();
        var archive = Copy();
        var path = Path.Combine(archive, later[0]);
        await File.WriteAllBytesAsync(path, new byte[new FileInfo(path).Length]);

        var report = await NewBackup(options => options.WalArchive = archive)
            .RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = Path.Combine(Root, "data") });

        Assert.That(Detail(report, "restore"), Does.Contain("the recovery ended at ").And.Contain($"the archive goes on to {later[1]}"));
    }

    [Test]
    public async Task What_keeps_the_rest_from_being_made_does_not_undo_a_check_that_failed()
    {
        var (backup, manifest, later) = await TakeAsync();
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);
        var archive = Copy();
        File.Delete(Path.Combine(archive, later[0]));
        var progress = new ToldProgress(told =>
        {
            if (told.Phase == BackupPhase.Restoring)
                SetMode(Path.Combine(Directory.GetDirectories(WorkPath, "unimem-*").Single(), "data"), 0);
        });

        var report = await NewBackup(options => options.WalArchive = archive).VerifyAsync(manifest.Id, progress);

        Assert.That(report.Failure, Does.StartWith("wal: ").And.Contains($"lacks {later[0]}"), report.ToString());
        Assert.That(report.Checks[^1].Outcome, Is.EqualTo(CheckOutcome.Skipped), report.ToString());
        Assert.That(report.Checks[^1].Detail, Does.Contain("The check 'restore' could not be made"));
        Assert.That((await backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Failed));
    }

    [Test]
    public async Task A_recovered_server_without_the_database_of_the_store_fails_the_verification()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await ChangeManifestAsync(manifest.Id, json => json["database"] = "gone");

        Assert.That((await backup.VerifyAsync(manifest.Id)).Failure, Is.EqualTo("restore: the recovered server has no database gone"));
    }

    [Test]
    public async Task A_hole_is_told_to_whoever_restores_to_the_end()
    {
        var (backup, manifest, later) = await TakeAsync();
        var path = Path.Combine(Archive, later[0]);
        File.Move(path, path + ".away");
        try
        {
            var report = await backup.RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = Path.Combine(Root, "data") });
            Assert.That(report.Checks.Single(check => check.Name == "restore").Detail, Does.Contain($"not whole: the archive {Archive} lacks {later[0]}"));
        }
        finally
        {
            File.Move(path + ".away", path);
        }
    }

    [Test]
    public async Task A_store_that_was_emptied_after_the_backup_does_not_fail_the_verification()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await BackupServer.ExecuteAsync($"TRUNCATE {Schema}.memories CASCADE", ConnectionString);
        await ArchiveAsync();

        var report = await backup.VerifyAsync(manifest.Id);

        Assert.That(report.Passed, report.ToString());
        Assert.That(Detail(report, "searches"), Does.StartWith("there is no memory where the recorded searches look"), report.ToString());
    }

    [Test]
    public async Task A_store_that_answers_none_of_the_recorded_searches_fails_the_verification()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await ChangeManifestAsync(manifest.Id, json =>
        {
            foreach (var canary in json["canaries"]!.AsArray())
                canary!["namespace"] = "elsewhere";
        });

        var report = await backup.VerifyAsync(manifest.Id);

        Assert.That(report.Failure, Does.StartWith("searches: none of the 5 recorded searches finds anything"), report.ToString());
    }

    /// <returns>A copy of the archive, which the server's user may read.</returns>
    private string Copy()
    {
        var copy = Directory.CreateDirectory(Path.Combine(Root, "copy")).FullName;
        SetMode(copy, 0b111_101_101);
        foreach (var path in Directory.GetFiles(Archive))
        {
            var file = Path.Combine(copy, Path.GetFileName(path));
            File.Copy(path, file);
            SetMode(file, 0b110_100_100);
        }

        return copy;
    }

    /// <returns>The backup, and two segments that were archived after it.</returns>
    private async Task<(StoreBackup Backup, BackupManifest Manifest, string[] Later)> TakeAsync()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        return (backup, manifest, [await ArchiveAsync(), await ArchiveAsync()]);
    }
}
