using Microsoft.Extensions.Logging;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Restoring;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Tests;

/// <summary>What a verification works with may fail, which says nothing about the backup.</summary>
public sealed class ImpossibleVerificationTests : BackupFixture
{
    [Test]
    public async Task A_scratch_server_that_goes_away_says_nothing_about_the_backup()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);
        var progress = new ToldProgress(told =>
        {
            if (told.Phase == BackupPhase.Checking)
            {
                BackupServer.ExecuteAsync(
                    "DO $$ DECLARE name text; BEGIN FOR name IN SELECT datname FROM pg_database WHERE datname LIKE 'unifiedmemory_scratch%' LOOP "
                    + "EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS false', name); END LOOP; END $$").GetAwaiter().GetResult();
            }
        });

        Assert.That(() => backup.VerifyAsync(manifest.Id, progress), Throws.InstanceOf<UnifiedMemoryException>());

        Assert.That((await backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Verified), "as it was");
    }

    [TestCase("57P01", true)]
    [TestCase("53100", true)]
    [TestCase("58P01", false)]
    [TestCase("XX001", false)]
    public async Task What_the_server_answers_is_of_the_backup_or_of_its_surroundings(string state, bool isOfSurroundings)
    {
        var checks = new CheckList(TimeProvider.System);
        var failure = new Npgsql.PostgresException("message", "ERROR", "ERROR", state);

        if (isOfSurroundings)
        {
            Assert.That(
                () => checks.RunAsync("rows", () => throw failure),
                Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("The check 'rows' could not be made, and says nothing about the backup"));
        }
        else
        {
            Assert.That(await checks.RunAsync("rows", () => throw failure), Is.False);
        }
    }

    [TestCase(1, "pg_restore: error: connection to server on socket \"x\" failed: Connection refused", true)]
    [TestCase(1, "pg_restore: error: could not execute query: ERROR:  could not extend file: No space left on device", true)]
    [TestCase(137, "", true)]
    [TestCase(1, "pg_restore: error: could not uncompress data: incorrect data check", false)]
    public void What_a_program_says_is_of_the_backup_or_of_its_surroundings(int exitCode, string messages, bool isOfSurroundings) =>
        Assert.That(CheckFaults.Of(new ProgramResult(exitCode, messages), "it failed") is MissingPrerequisiteException, Is.EqualTo(isOfSurroundings));

    [Test]
    public void What_a_memory_says_is_neither_told_nor_read_for_a_reason() => Assert.That(
        LogicalRestore.WithoutContent(
            "pg_restore: error: COPY failed for table \"memories\": ERROR:  duplicate key\nDETAIL:  Key (content)=(a secret\npermission denied\n) already exists.\n"
            + "CONTEXT:  COPY memories, line 1\npg_restore: warning: errors ignored on restore: 1"),
        Is.EqualTo("pg_restore: error: COPY failed for table \"memories\": ERROR:  duplicate key\npg_restore: warning: errors ignored on restore: 1"));

    [Test]
    public async Task A_missing_program_says_nothing_about_the_backup()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var empty = Directory.CreateDirectory(Path.Combine(Root, "empty")).FullName;

        var target = new HeldTarget(new DirectoryBackupTarget(TargetPath), "", _ => Task.CompletedTask);

        Assert.That(
            () => NewBackup(options => (options.BinDirectory, options.Target) = (empty, target)).VerifyAsync(manifest.Id),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("Install it"));

        Assert.That(target.Reads, Has.None.EqualTo(manifest.FileName), "nothing is fetched in vain");
        Assert.That(TargetFiles, Has.None.EndsWith(".failed.json"));
    }

    [Test]
    public async Task Two_do_not_verify_at_once()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var refused = "";
        var progress = new ToldProgress(told =>
        {
            if (told.Phase == BackupPhase.Reading)
                refused = Assert.ThrowsAsync<UnifiedMemoryException>(() => NewBackup().VerifyAsync(manifest.Id))!.Message;
        });

        Assert.That((await backup.VerifyAsync(manifest.Id, progress)).Passed);

        Assert.That(refused, Does.StartWith($"Another process is making, verifying or removing backups of the schema '{Schema}'"));
    }

    [TestCase("127.0.0.1")]
    [TestCase("gone.invalid")]
    public async Task A_backup_is_verified_also_when_the_live_server_is_gone(string host)
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync();
        var lines = new List<string>();
        using var logger = new ListLogger(lines);
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(logger));
        var store = StoreOptions();
        store.ConnectionString = new Npgsql.NpgsqlConnectionStringBuilder(ConnectionString) { Host = host, Port = 1 }.ConnectionString;

        var report = await StoreBackup.Create(store, NewOptions(), factory).VerifyAsync(manifest.Id);

        Assert.That(report.Passed, report.ToString());
        Assert.That(lines, Has.Some.Contains("without the lock"));
    }
}
