namespace UnifiedMemory.Backup.Tests;

/// <summary>A base backup alone is no recovery to a moment: the archive of the log is verified with it.</summary>
[NonParallelizable]
public sealed class WalArchiveTests : ArchivingFixture
{
    [TestCase("empty", "lacks 0000000", "has nothing after it")]
    [TestCase("hole", "lacks ", "; the newest one there is ")]
    [TestCase("cut off", "instead of 16777216", "lacks ")]
    [TestCase("last", "the server says that it has archived ", "is that where archive_command copies to?")]
    public async Task AnArchive_that_is_not_whole_fails_the_verification(string damage, params string[] details)
    {
        var (backup, manifest, later) = await TakeAsync();
        var archive = Path.Combine(Root, "copy");
        Directory.CreateDirectory(archive);
        foreach (var path in Directory.GetFiles(Archive))
            File.Copy(path, Path.Combine(archive, Path.GetFileName(path)));
        switch (damage)
        {
            case "empty": Directory.Delete(archive, recursive: true); Directory.CreateDirectory(archive); break;
            case "hole": File.Delete(Path.Combine(archive, later[0])); break;
            case "cut off": File.WriteAllText(Path.Combine(archive, later[0]), "short"); break;
            default: File.Delete(Path.Combine(archive, later[1])); break;
        }

        var report = await NewBackup(options => options.WalArchive = archive).VerifyAsync(manifest.Id);

        Assert.That(report.Checks.Where(check => check.Outcome == CheckOutcome.Failed).Select(check => check.Name), Is.EqualTo(new[] { "wal" }), report.ToString());
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
    public async Task A_store_that_answers_none_of_the_recorded_searches_fails_the_verification()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await BackupServer.ExecuteAsync($"TRUNCATE {Schema}.memories CASCADE", ConnectionString);
        await ArchiveAsync();

        var report = await backup.VerifyAsync(manifest.Id);

        Assert.That(report.Failure, Does.StartWith("searches: none of the 5 recorded searches finds anything"), report.ToString());
    }

    /// <returns>The backup, and two segments that were archived after it.</returns>
    private async Task<(StoreBackup Backup, BackupManifest Manifest, string[] Later)> TakeAsync()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        return (backup, manifest, [await ArchiveAsync(), await ArchiveAsync()]);
    }
}
