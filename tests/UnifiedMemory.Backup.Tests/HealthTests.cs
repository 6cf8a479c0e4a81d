using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;

namespace UnifiedMemory.Backup.Tests;

/// <summary>What the health check says of the backups.</summary>
public sealed class HealthTests : HostFixture
{
    [Test]
    public async Task Health_says_whether_there_is_a_backup_to_rely_on()
    {
        var time = new FakeTimeProvider(Noon);
        using var host = NewHost(time, options => options.Schedule = null);
        var backup = host.Services.GetRequiredService<StoreBackup>();
        var health = host.Services.GetRequiredService<HealthCheckService>();

        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Unhealthy), "there is none");
        Assert.That((await backup.RunAsync())!.Passed);
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Healthy));
        time.Advance(TimeSpan.FromHours(51));
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Degraded), "it is old");
        var manifest = await backup.TakeAsync();
        File.Delete(Path.Combine(TargetPath, manifest.FileName));
        await backup.VerifyAsync(manifest.Id);
        var report = (await health.CheckHealthAsync()).Entries["unifiedmemory-backup"];
        Assert.That(report.Status, Is.EqualTo(HealthStatus.Unhealthy));
        Assert.That(report.Description, Does.Contain(manifest.Id));
    }

    [Test]
    public async Task A_backup_by_hand_of_a_kind_without_a_schedule_does_not_make_the_scheduled_ones_unhealthy()
    {
        using var host = NewHost(new FakeTimeProvider(Noon));
        var backup = host.Services.GetRequiredService<StoreBackup>();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.That((await backup.RunAsync())!.Passed);
        var byHand = await backup.TakeAsync(BackupKind.Physical);

        var report = (await health.CheckHealthAsync()).Entries["unifiedmemory-backup"];
        Assert.That(report.Status, Is.EqualTo(HealthStatus.Degraded));
        Assert.That(report.Description, Does.StartWith("There is no verified Physical backup."));
        await File.WriteAllTextAsync(Path.Combine(TargetPath, byHand.Id + ".failed.json"), "{}");
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Degraded));
    }

    [Test]
    public async Task A_backup_of_a_clock_that_was_ahead_hides_no_other_one()
    {
        var time = new FakeTimeProvider(Noon);
        using var host = NewHost(time, options => options.Schedule = null);
        using var ahead = NewHost(new FakeTimeProvider(Noon.AddYears(1)));
        var health = host.Services.GetRequiredService<HealthCheckService>();
        var real = (await host.Services.GetRequiredService<StoreBackup>().TakeAsync()).Id;
        var early = (await ahead.Services.GetRequiredService<StoreBackup>().TakeAsync()).Id;
        foreach (var id in new[] { real, early })
            await File.WriteAllTextAsync(Path.Combine(TargetPath, id + ".passed.json"), "{}");

        time.Advance(TimeSpan.FromHours(51));
        var report = (await health.CheckHealthAsync()).Entries["unifiedmemory-backup"];
        Assert.That(report.Status, Is.EqualTo(HealthStatus.Degraded), report.Description);
        Assert.That(report.Description, Does.Contain(real));
        await File.WriteAllTextAsync(Path.Combine(TargetPath, real + ".failed.json"), "{}");
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Unhealthy));
    }

    [Test]
    public async Task A_weekly_kind_is_stale_a_day_after_one_was_missed()
    {
        var time = new FakeTimeProvider(Noon);
        using var host = NewHost(time, options => (options.Schedule, options.PhysicalSchedule) = (null, "0 2 * * 0"));
        var backup = host.Services.GetRequiredService<StoreBackup>();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.That((await health.CheckHealthAsync()).Entries["unifiedmemory-backup"].Description, Is.EqualTo("There is no verified Physical backup."));
        var id = (await backup.TakeAsync(BackupKind.Physical)).Id;
        await File.WriteAllTextAsync(Path.Combine(TargetPath, id + ".passed.json"), "{}");

        time.Advance(TimeSpan.FromDays(6));
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Healthy));
        time.Advance(TimeSpan.FromDays(2));
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Degraded));
    }
}
