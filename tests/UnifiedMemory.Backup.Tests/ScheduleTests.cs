using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;
using UnifiedMemory.Backup.Hosting;

namespace UnifiedMemory.Backup.Tests;

public sealed class ScheduleTests : HostFixture
{
    [TestCase("2026-03-01 02:00", "2026-03-01 12:00", "2026-03-02 02:00", TestName = "The next one is the next time of the schedule")]
    [TestCase("2026-02-20 02:00", "2026-03-01 12:00", "2026-02-21 02:00", TestName = "What was missed is due since then, and so now")]
    [TestCase("2031-01-01 02:00", "2026-03-01 12:00", "2026-03-02 02:00", TestName = "A last one in the future does not stop the schedule for years")]
    public void Due(string last, string now, string due) =>
        Assert.That(new CronSchedule("0 2 * * *", "UTC").DueAfter(Utc(last), Utc(now)), Is.EqualTo(Utc(due)));

    [Test]
    public void The_time_zone_is_the_one_that_was_named()
    {
        var schedule = new CronSchedule("30 2 * * *", "Europe/Berlin");

        Assert.That(schedule.DueAfter(Utc("2026-01-10 02:00"), Utc("2026-01-10 02:00")), Is.EqualTo(Utc("2026-01-11 01:30")));
        Assert.That(schedule.DueAfter(Utc("2026-03-28 02:00"), Utc("2026-03-28 02:00")), Is.EqualTo(Utc("2026-03-29 01:00")), "there is no 02:30 that night");
    }

    [Test]
    public async Task Two_hosts_make_one_backup_a_day_and_one_for_all_that_were_missed()
    {
        var time = new FakeTimeProvider(Noon);
        using var first = NewHost(time);
        using var second = NewHost(time);
        await Task.WhenAll(first.StartAsync(), second.StartAsync());
        var backup = first.Services.GetRequiredService<StoreBackup>();

        await Eventually.TrueAsync(async () => await VerifiedAsync(backup) == 1, "the first one is made at once");
        await Eventually.TrueAsync(async () => await AdvanceAsync(time, backup, TimeSpan.FromMinutes(30)) == 2, "the next one is made at two");
        var backups = await backup.ListAsync();
        Assert.That(backups[0].StartedAt, Is.InRange(Utc("2026-03-02 02:00"), Utc("2026-03-02 03:00")));

        await Task.WhenAll(first.StopAsync(), second.StopAsync());
        time.Advance(TimeSpan.FromDays(5));
        using var third = NewHost(time);
        await third.StartAsync();
        await Eventually.TrueAsync(async () => await VerifiedAsync(backup) == 3, "what was missed is made up for");
        Assert.That(await AdvanceAsync(time, backup, TimeSpan.FromMinutes(30)), Is.EqualTo(3), "once");
        await third.StopAsync();
    }

    [Test]
    public async Task A_backup_of_a_clock_that_was_ahead_stands_in_for_none()
    {
        await StoreBackup.Create(StoreOptions(), NewOptions(), timeProvider: new FakeTimeProvider(Noon.AddYears(5))).TakeAsync();
        using var host = NewHost(new FakeTimeProvider(Noon));
        await host.StartAsync();

        await Eventually.TrueAsync(async () => await VerifiedAsync(host.Services.GetRequiredService<StoreBackup>()) == 1, "one is made at once");
        await host.StopAsync();
    }

    [Test]
    public async Task The_newest_backup_is_verified_again_by_its_own_schedule()
    {
        var time = new FakeTimeProvider(Noon); // a Sunday
        using var host = NewHost(time, options => (options.Schedule, options.VerificationSchedule) = (null, "0 5 * * 0"));
        var backup = host.Services.GetRequiredService<StoreBackup>();
        Assert.That((await backup.RunAsync())!.Passed);
        await host.StartAsync();
        File.Delete(Path.Combine(TargetPath, TargetFiles.Single(name => name.EndsWith(".dump", StringComparison.Ordinal))));

        await Eventually.TrueAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromHours(1));
                await Task.Delay(20);
                return (await backup.ListAsync()).Single().State == BackupState.Failed;
            },
            "what the target has lost is noticed");

        Assert.That((await backup.GetReportAsync((await backup.ListAsync()).Single().Id))!.StartedAt, Is.GreaterThanOrEqualTo(Noon.AddDays(6)));
        await host.StopAsync();
    }

    [Test]
    public async Task Each_kind_is_verified_again_though_the_other_one_is_newer()
    {
        var time = new FakeTimeProvider(Noon);
        using var host = NewHost(time, options => (options.Schedule, options.VerificationSchedule) = (null, "0 5 * * 0"));
        var backup = host.Services.GetRequiredService<StoreBackup>();
        var physical = await backup.TakeAsync(BackupKind.Physical);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.That((await backup.RunAsync())!.Passed);
        File.Delete(Path.Combine(TargetPath, physical.FileName));
        await host.StartAsync();

        await Eventually.TrueAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromHours(1));
                await Task.Delay(20);
                return (await backup.ListAsync()).Single(one => one.Kind == BackupKind.Physical).State == BackupState.Failed;
            },
            "what the target has lost is noticed");
        await host.StopAsync();
        var report = (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["unifiedmemory-backup"];
        Assert.That(report.Status, Is.EqualTo(HealthStatus.Unhealthy), "and a good logical one does not hide it");
        Assert.That(report.Description, Does.StartWith($"The backup {physical.Id} failed"));
    }

    [Test]
    public async Task A_backup_that_could_not_be_verified_is_tried_again_and_is_not_called_damaged()
    {
        var time = new FakeTimeProvider(Noon);
        var missing = $"missing_{Prefix}";
        using var host = NewHost(time, options => options.ScratchConnectionString = DatabaseOf(missing));
        var backup = host.Services.GetRequiredService<StoreBackup>();
        await host.StartAsync();
        try
        {
            await Eventually.TrueAsync(async () => (await backup.ListAsync()).Count == 1, "it is made");
            Assert.That(() => backup.VerifyAsync(backup.ListAsync().Result.Single().Id), Throws.InstanceOf<UnifiedMemoryException>());
            Assert.That((await backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Unverified));
            await BackupServer.ExecuteAsync($"CREATE DATABASE {missing}");

            await Eventually.TrueAsync(
                async () =>
                {
                    time.Advance(TimeSpan.FromMinutes(1));
                    await Task.Delay(20);
                    return await VerifiedAsync(backup) == 1;
                },
                "it is verified");

            Assert.That((await backup.ListAsync()).Single().StartedAt, Is.EqualTo(Noon).Within(TimeSpan.FromMinutes(1)), "no other one was made");
            await host.StopAsync();
        }
        finally
        {
            await BackupServer.ExecuteAsync($"DROP DATABASE IF EXISTS {missing} WITH (FORCE)");
        }
    }

    [Test]
    public void What_cannot_be_verified_is_tried_again_less_and_less_often()
    {
        var retries = new VerificationRetries(TimeSpan.FromMinutes(15));

        Assert.That(
            Enumerable.Range(0, 7).Select(_ => retries.Fail("one", Noon).TotalMinutes), Is.EqualTo(new[] { 15, 30, 60, 120, 240, 360, 360 }));
        Assert.That(retries.DueAt("one", Noon.AddHours(1)), Is.EqualTo(Noon.AddHours(6)));
        Assert.That(retries.DueAt("one", Noon.AddHours(7)), Is.EqualTo(Noon.AddHours(7)));
        Assert.That(retries.DueAt("one", Noon.AddYears(-1)), Is.EqualTo(Noon.AddYears(-1)), "the clock was ahead");
        Assert.That(retries.DueAt("two", Noon), Is.EqualTo(Noon), "another one");
        Assert.That(retries.Fail("two", Noon), Is.EqualTo(TimeSpan.FromMinutes(15)));
        retries.Succeed();
        Assert.That(retries.Fail("two", Noon), Is.EqualTo(TimeSpan.FromMinutes(15)));
    }

    [Test]
    public async Task Retention_follows_the_verification_also_where_that_has_a_schedule_of_its_own()
    {
        var time = new FakeTimeProvider(Noon);
        using var host = NewHost(time, options =>
        {
            options.VerifyAfterBackup = false;
            options.VerificationSchedule = "0 5 * * 0";
            options.Schedule = null;
            options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        });
        var backup = host.Services.GetRequiredService<StoreBackup>();
        Assert.That(await backup.RunAsync(), Is.Null);
        time.Advance(TimeSpan.FromDays(1));
        Assert.That(await backup.RunAsync(), Is.Null);
        var newest = (await backup.ListAsync())[0].Id;
        await host.StartAsync();

        await Eventually.TrueAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromHours(1));
                await Task.Delay(20);
                return (await backup.ListAsync()) is [{ State: BackupState.Verified } one] && one.Id == newest;
            },
            "the older one goes");
        await host.StopAsync();
    }

    [Test]
    public async Task That_the_archiving_cannot_be_seen_is_said_and_it_is_looked_at_again()
    {
        var time = new FakeTimeProvider(Noon);
        var lines = new List<string>();
        using var logger = new ListLogger(lines);
        using var host = NewHost(
            time,
            options =>
            {
                (options.Schedule, options.WalArchive) = (null, WorkPath);
                options.ConnectionString = "Host=127.0.0.1;Port=1;Database=memory;Username=nobody";
            },
            logger);
        await host.StartAsync();

        await Eventually.TrueAsync(() => Alarms() == 1, "it is said");
        await Eventually.TrueAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromMinutes(1));
                await Task.Delay(20);
                return Alarms() > 1;
            },
            "it is looked at again");
        await host.StopAsync();

        int Alarms()
        {
            lock (lines)
                return lines.Count(line => line.Contains("Whether the write-ahead log is archived could not be seen", StringComparison.Ordinal));
        }
    }

    private static DateTimeOffset Utc(string text) => DateTimeOffset.Parse(text + "Z", System.Globalization.CultureInfo.InvariantCulture);

    private static async Task<int> VerifiedAsync(StoreBackup backup) => (await backup.ListAsync()).Count(one => one.State == BackupState.Verified);

    private static async Task<int> AdvanceAsync(FakeTimeProvider time, StoreBackup backup, TimeSpan by)
    {
        // Never past a backup that is being made.
        var (before, all) = (await VerifiedAsync(backup), (await backup.ListAsync()).Count);
        if (before == all)
            time.Advance(by);
        await Task.Delay(20);
        return await VerifiedAsync(backup);
    }
}
