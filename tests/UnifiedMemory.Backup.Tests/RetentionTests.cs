using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Keeping;

namespace UnifiedMemory.Backup.Tests;

/// <summary>Whatever the history of backups and clocks was, what is needed stays.</summary>
public sealed class RetentionTests : BackupFixture
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);

    private static readonly Gen<RetentionOptions> Options =
        Gen.Select(Gen.Int[0, 60], Gen.Int[1, 5], Gen.Int[0, 5], Gen.Int[0, 4], Gen.Int[0, 3]).Select((days, least, daily, weekly, monthly) => new RetentionOptions
        {
            KeepAllFor = TimeSpan.FromDays(days),
            KeepAtLeast = least,
            KeepDaily = daily,
            KeepWeekly = weekly,
            KeepMonthly = monthly,
        });

    /// <summary>Hours until the next backup: mostly a day, at times a jump of the clock of years, forwards or back.</summary>
    private static readonly Gen<Run[]> History = Gen.Select(
        Gen.Frequency((8, Gen.Int[1, 48]), (1, Gen.Int[-40_000, -1]), (1, Gen.Int[1000, 40_000])),
        Gen.Frequency((6, Gen.Const(BackupState.Verified)), (2, Gen.Const(BackupState.Failed)), (1, Gen.Const(BackupState.Unverified))),
        Gen.Enum<BackupKind>(),
        Gen.Int[0, 5]).Select((hours, state, kind, wal) => new Run(hours, state, kind, wal)).Array[1, 60];

    [Test]
    public void What_is_needed_is_never_removed() => Gen.Select(Options, History).Sample((options, history) =>
    {
        var (now, position, number) = (Start, 1, 0);
        var backups = new List<BackupEntry>();
        var firstWal = new Dictionary<string, string>();
        var wal = new HashSet<string>();
        foreach (var run in history)
        {
            now = now.AddHours(run.Hours);
            var backup = new BackupEntry($"{number++}", run.Kind, now, run.State, 1);
            backups.Add(backup);
            firstWal[backup.Id] = WalName(position);
            for (var i = 0; i <= run.WalFiles; i++)
                wal.Add(WalName(position++));
            if (run.State != BackupState.Verified)
                continue;

            var before = backups.ToList();
            var removed = RetentionRules.Removable(before, options, TimeZoneInfo.Utc, backup.Id);
            backups = [.. before.Except(removed)];
            wal.ExceptWith(WalFiles.Removable(wal, backups.Where(one => one.Kind == BackupKind.Physical).Select(one => firstWal[one.Id])).ToList());

            Assert.That(backups, Does.Contain(backup), "the one that was just verified");
            foreach (var kind in Enum.GetValues<BackupKind>())
            {
                var good = before.Where(one => one.Kind == kind && one.State == BackupState.Verified).OrderByDescending(one => one.StartedAt).ToList();
                var kept = backups.Where(one => one.Kind == kind && one.State == BackupState.Verified).ToList();
                if (good.Count == 0)
                {
                    Assert.That(removed.Where(one => one.Kind == kind), Is.Empty, "without a good one nothing goes");
                    continue;
                }

                Assert.That(kept, Is.SupersetOf(good.Take(options.KeepAtLeast)), "so many of the newest good ones");
                Assert.That(
                    removed.Where(one => one.Kind == kind && good[0].StartedAt - one.StartedAt < options.KeepAllFor), Is.Empty, "young ones");
            }

            foreach (var physical in backups.Where(one => one.Kind == BackupKind.Physical))
            {
                var from = Convert.ToInt32(firstWal[physical.Id][16..], 16);
                Assert.That(wal, Is.SupersetOf(Enumerable.Range(from, position - from).Select(WalName)), "the log of a kept backup");
            }
        }
    }, iter: 2000);

    [Test]
    public void A_clock_that_was_ahead_makes_no_other_backup_old() =>
        Gen.Select(Options, Gen.Int[2, 60], Gen.Int[1, 4], Gen.Int[2_000, 90_000]).Sample((options, days, ahead, hours) =>
        {
            var backups = Enumerable.Range(0, days).Select(day => new BackupEntry($"{day}", BackupKind.Logical, Start.AddDays(day), BackupState.Verified, 1)).ToList();
            var newest = backups[^1].StartedAt;

            // Fewer of them than are always kept; and one at least is forgiven.
            for (var i = 0; i < Math.Min(ahead, Math.Max(options.KeepAtLeast - 1, 1)); i++)
                backups.Add(new BackupEntry($"ahead {i}", BackupKind.Logical, newest.AddHours(hours + i), BackupState.Verified, 1));

            var removed = RetentionRules.Removable(backups, options, TimeZoneInfo.Utc, backups[^1].Id);

            Assert.That(removed.Where(one => newest - one.StartedAt < options.KeepAllFor), Is.Empty, "young ones, as the others see it");
            Assert.That(removed, Has.None.Property("Id").StartsWith("ahead"));
        }, iter: 2000);

    [Test]
    public void After_a_pause_old_backups_go_when_there_are_enough_new_ones()
    {
        var options = new RetentionOptions { KeepAllFor = TimeSpan.FromDays(30), KeepAtLeast = 3 };
        var backups = Enumerable.Range(0, 10).Select(day => new BackupEntry($"{day}", BackupKind.Logical, Start.AddDays(day), BackupState.Verified, 1)).ToList();
        for (var day = 0; day < 3; day++)
        {
            Assert.That(RetentionRules.Removable(backups, options, TimeZoneInfo.Utc, justVerified: null), Is.Empty);
            backups.Add(new BackupEntry($"new {day}", BackupKind.Logical, Start.AddDays(365 + day), BackupState.Verified, 1));
        }

        Assert.That(RetentionRules.Removable(backups, options, TimeZoneInfo.Utc, justVerified: null), Has.Count.EqualTo(10));
    }

    [Test]
    public void Days_weeks_and_months_are_kept_where_asked_for()
    {
        var daily = Enumerable.Range(0, 400).Select(day => new BackupEntry($"{day}", BackupKind.Logical, Start.AddDays(day), BackupState.Verified, 1)).ToList();
        var options = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1, KeepDaily = 3, KeepWeekly = 2, KeepMonthly = 3 };

        var kept = daily.Except(RetentionRules.Removable(daily, options, TimeZoneInfo.Utc, justVerified: null)).Select(backup => $"{backup.StartedAt:yyyy-MM-dd}");

        // 2027-04-04 is a Sunday, the end of a week.
        Assert.That(kept, Is.EqualTo(new[] { "2027-02-28", "2027-03-28", "2027-03-31", "2027-04-02", "2027-04-03", "2027-04-04" }));
    }

    [Test]
    public async Task After_a_verified_backup_old_ones_go_with_all_of_their_files_and_after_a_failed_one_none()
    {
        var backup = NewBackup(options => options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 });
        var first = await backup.TakeAsync();
        Assert.That((await backup.VerifyAsync(first.Id)).Passed);
        var broken = NewBackup(options =>
        {
            options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
            options.Target = new HeldTarget(options.Target!, ".manifest.json", _ =>
            {
                var data = Directory.GetFiles(TargetPath, "*.dump").Order(StringComparer.Ordinal).Last();
                using var file = File.OpenWrite(data);
                file.SetLength(100);
                return Task.CompletedTask;
            });
        });

        Assert.That((await broken.RunAsync())!.Passed, Is.False);
        Assert.That((await backup.ListAsync()).Select(entry => entry.State), Is.EqualTo(new[] { BackupState.Failed, BackupState.Verified }));

        Assert.That((await backup.RunAsync())!.Passed);
        var newest = (await backup.ListAsync()).Single();
        Assert.That(newest.State, Is.EqualTo(BackupState.Verified));
        Assert.That(TargetFiles, Is.All.StartsWith(newest.Id));
    }

    [Test]
    public async Task A_retention_that_fails_does_not_lose_what_the_verification_found()
    {
        var retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        Assert.That((await NewBackup().RunAsync())!.Passed);
        var lines = new List<string>();
        using var logger = new ListLogger(lines);
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(logger));
        var options = NewOptions();
        options.Retention = retention;
        options.Target = new HeldTarget(options.Target!, ".manifest.json", _ => Task.CompletedTask) { KeptSuffix = ".manifest.json" };
        var backup = StoreBackup.Create(StoreOptions(), options, factory);

        Assert.That((await backup.RunAsync())!.Passed);

        Assert.That(lines, Has.Some.Contains("is verified, and older ones could not be removed after it"));
        Assert.That(() => backup.ApplyRetentionAsync(), Throws.InstanceOf<UnifiedMemoryException>(), "who asks for it is told");
        Assert.That((await backup.ListAsync()).Select(one => one.State), Is.All.EqualTo(BackupState.Verified));
    }

    [Test]
    public async Task Without_the_lock_nothing_is_removed()
    {
        Assert.That((await NewBackup().RunAsync())!.Passed);
        var key = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"UnifiedMemory backup {Schema}")));
        var backup = NewBackup(options =>
        {
            options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
            options.Target = new HeldTarget(options.Target!, ".passed.json", _ => BackupServer.ExecuteAsync(
                $"SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = {key}"));
        });

        Assert.That((await backup.RunAsync())!.Passed);

        Assert.That(await backup.ListAsync(), Has.Count.EqualTo(2));
    }

    [Test]
    public void Ids_tell_schema_time_and_kind()
    {
        var id = BackupId.Parse("blue_memories-20260301T020000123Z-physical");

        Assert.That(id, Is.EqualTo(new BackupId("blue_memories", Start.AddMilliseconds(123), BackupKind.Physical)));
        Assert.That(id.ToString(), Is.EqualTo("blue_memories-20260301T020000123Z-physical"));
        Assert.That(() => BackupId.Parse("../etc/passwd"), Throws.ArgumentException);
        Assert.That(() => BackupId.Parse("memories-20261301T020000123Z-logical"), Throws.ArgumentException);
    }

    private static string WalName(int position) => $"0000000100000000{position:X8}";

    private sealed record Run(int Hours, BackupState State, BackupKind Kind, int WalFiles);
}
