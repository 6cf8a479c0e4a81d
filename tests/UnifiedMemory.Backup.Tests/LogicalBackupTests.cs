
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
        Assert.That(report.Passed, report.ToString());
        Assert.That(
            report.Checks.Select(check => check.Name),
            Is.EqualTo(new[] { "manifest", "hash", "archive", "restore", "versions", "rows", "samples", "indexes", "constraints", "pg_amcheck", "store", "searches" }));
        Assert.That(report.Checks.Select(check => check.Outcome), Is.All.EqualTo(CheckOutcome.Passed), report.ToString());
        Assert.That(report.RecoveryTime, Is.GreaterThan(TimeSpan.Zero));
        Assert.That((await backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Verified));
        Assert.That((await backup.GetReportAsync(manifest.Id))!.ToString(), Is.EqualTo(report.ToString()), "the report is kept as JSON");
        Assert.That(await BackupServer.ScalarAsync<long>("SELECT count(*) FROM pg_database WHERE datname LIKE 'unifiedmemory_scratch%'"), Is.Zero);
        Assert.That(Directory.GetFiles(WorkPath), Is.Empty);
    }
}
