using System.Diagnostics;
using Npgsql;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Tests;

/// <summary>A backup that is cancelled or killed at each of its stages leaves nothing, and the next one finds nothing in its way.</summary>
public sealed class InterruptedBackupTests : BackupFixture
{
    private const string ConnectionVariable = "UNIFIED_MEMORY_TEST_BACKUP_CONNECTION";
    private const string PrefixVariable = "UNIFIED_MEMORY_TEST_BACKUP_PREFIX";
    private const string TargetVariable = "UNIFIED_MEMORY_TEST_BACKUP_TARGET";
    private const string SuffixVariable = "UNIFIED_MEMORY_TEST_BACKUP_HELD";
    private const string Held = "held";

    /// <summary>More than pg_dump can leave in a pipe, so that it is still there.</summary>
    [SetUp]
    public Task StoreMoreAsync() => Store.StoreManyAsync(Enumerable.Range(0, 1000).Select(i => new NewMemory($"{i} " + new string('x', 500), MemoryType.Project)));

    [TestCase(".dump")]
    [TestCase(".manifest.json")]
    public async Task A_cancelled_backup_leaves_nothing(string suffix)
    {
        using var cancelling = new CancellationTokenSource();
        var sessions = -1L;
        var backup = NewBackup(options =>
        {
            options.CompressionLevel = 0;
            options.Target = new HeldTarget(options.Target!, suffix, async token =>
            {
                sessions = await ProgramSessionsAsync();
                await cancelling.CancelAsync();
                await Task.Delay(Timeout.Infinite, token);
            });
        });

        Assert.That(() => backup.TakeAsync(cancellationToken: cancelling.Token), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(sessions, Is.EqualTo(suffix == ".dump" ? 1 : 0), "it was under way");
        Assert.That(await ProgramSessionsAsync(), Is.Zero);
        Assert.That(TargetFiles, Is.Empty);
        var next = NewBackup();
        var manifest = await next.TakeAsync();
        Assert.That(TargetFiles, Is.EqualTo(new[] { manifest.FileName, manifest.Id + ".manifest.json" }), "nothing else is left");
    }

    [Test]
    public async Task A_backup_that_is_cancelled_while_it_waits_for_a_lock_leaves_no_session()
    {
        using var cancelling = new CancellationTokenSource();
        await using var blocker = await BackupServer.OpenAsync();
        var blocking = Task.CompletedTask;
        var backup = NewBackup(options => options.Target = new HeldTarget(options.Target!, ".dump", async held =>
        {
            // It waits for the backup's own transaction, and pg_dump queues behind it.
            await using var begin = new NpgsqlCommand("BEGIN", blocker);
            await begin.ExecuteNonQueryAsync(CancellationToken.None);
            blocking = new NpgsqlCommand($"LOCK TABLE {Schema}.memories", blocker).ExecuteNonQueryAsync(CancellationToken.None);
            await Eventually.TrueAsync(async () => await WaitingAsync("test") == 1, "the lock is asked for");
            _ = Task.Run(async () =>
            {
                await Eventually.TrueAsync(async () => await WaitingAsync($"UnifiedMemory.Backup ________ {Schema}") == 1, "pg_dump waits");
                await cancelling.CancelAsync();
            }, CancellationToken.None);
        }, afterBytes: 0));

        Assert.That(() => backup.TakeAsync(cancellationToken: cancelling.Token), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(cancelling.IsCancellationRequested);
        Assert.That(await ProgramSessionsAsync(), Is.Zero);
        Assert.That(TargetFiles, Is.Empty);
        await blocking;
    }

    [TestCase("")]
    [TestCase(".dump")]
    [TestCase(".manifest.json")]
    public async Task A_killed_backup_leaves_nothing_that_counts_and_the_next_one_clears_up(string suffix)
    {
        await using var blocker = await BackupServer.OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        if (suffix.Length == 0)
            await new NpgsqlCommand($"LOCK TABLE {Schema}.memories", blocker, transaction).ExecuteNonQueryAsync();
        using var child = StartChild(suffix);
        if (suffix.Length == 0)
            await Eventually.TrueAsync(async () => await WaitingAsync("UnifiedMemory.Backup") == 1, "the child counts rows");
        else
            Assert.That(await child.StandardOutput.ReadLineAsync(), Is.EqualTo(Held), "the child is in the middle of the file");
        Assert.That(await ProgramSessionsAsync(), Is.EqualTo(suffix == ".dump" ? 1 : 0));

        child.Kill(); // it alone, and none of its children
        await child.WaitForExitAsync();
        await transaction.RollbackAsync();

        var backup = NewBackup();
        Assert.That(await backup.ListAsync(), Is.Empty);
        Assert.That(TargetFiles, Has.None.EndsWith(".manifest.json"));
        await Eventually.TrueAsync(async () => await ProgramSessionsAsync() == 0, "pg_dump has ended by itself");
        Assert.That(TargetFiles, suffix.Length == 0 ? Is.Empty : Has.Some.EndsWith(suffix + ".partial"), "it was killed in the middle");

        BackupManifest? manifest = null;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    manifest = await backup.TakeAsync();
                    return true;
                }
                catch (UnifiedMemoryException exception) when (exception.IsTransient)
                {
                    return false; // the server has not noticed yet that the session with the lock is gone
                }
            },
            "the next backup is made");
        Assert.That(TargetFiles, Is.EqualTo(new[] { manifest!.FileName, manifest.Id + ".manifest.json" }));
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);
    }

    [Test]
    public async Task Two_at_a_time_are_refused_and_no_password_is_on_a_command_line()
    {
        var other = NewBackup();
        var commandLines = new List<string>();
        var backup = NewBackup(options =>
        {
            options.CompressionLevel = 0;
            options.Target = new HeldTarget(options.Target!, ".dump", _ =>
            {
                Assert.That(() => other.TakeAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("Another process"));
                foreach (var process in Process.GetProcessesByName("pg_dump"))
                    commandLines.Add(File.ReadAllText($"/proc/{process.Id}/cmdline"));
                return Task.CompletedTask;
            });
        });

        await backup.TakeAsync();

        Assert.That(commandLines, Has.Some.Contains($"\"{Schema}\""));
        Assert.That(commandLines, Has.None.Contains(new NpgsqlConnectionStringBuilder(ConnectionString).Password));
    }

    [Test]
    public async Task A_store_of_the_same_name_in_another_database_is_left_alone()
    {
        await using var session = await BackupSession.TryOpenAsync(new ServerAddress(ConnectionString), Schema, CancellationToken.None);
        await using var program = await session!.Programs.OpenAsync(CancellationToken.None);

        await using var other = await BackupSession.TryOpenAsync(new ServerAddress(DatabaseOf("postgres")), Schema, CancellationToken.None);

        Assert.That(other, Is.Not.Null);
        await new NpgsqlCommand("SELECT 1", program).ExecuteNonQueryAsync();
        await session.EndProgramsAsync(CancellationToken.None);
        Assert.That(() => new NpgsqlCommand("SELECT 1", program).ExecuteNonQueryAsync(), Throws.InstanceOf<NpgsqlException>(), "it would be found");
    }

    [Test]
    public async Task A_long_name_is_found_as_the_server_cuts_it_off()
    {
        await using var session = await BackupSession.TryOpenAsync(new ServerAddress(ConnectionString), new string('a', 63), CancellationToken.None);
        await using var program = await session!.Programs.OpenAsync(CancellationToken.None);

        await session.EndProgramsAsync(CancellationToken.None);

        Assert.That(() => new NpgsqlCommand("SELECT 1", program).ExecuteNonQueryAsync(), Throws.InstanceOf<NpgsqlException>());
    }

    [Test]
    public async Task An_opening_that_is_cancelled_does_not_keep_the_lock()
    {
        var session = await BackupSession.TryOpenAsync(new ServerAddress(ConnectionString), Schema, CancellationToken.None);
        await using var program = await session!.Programs.OpenAsync(CancellationToken.None);
        await session.DisposeAsync();
        try
        {
            // What is stopped does not end, and the next opening waits for that.
            Assert.That(await RunAsync("kill", "-STOP", $"{program.ProcessID}"), Is.Zero);
            using var cancelling = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            Assert.That(
                () => BackupSession.TryOpenAsync(new ServerAddress(ConnectionString), Schema, cancelling.Token), Throws.InstanceOf<OperationCanceledException>());
        }
        finally
        {
            await RunAsync("kill", "-CONT", $"{program.ProcessID}");
        }

        await Eventually.TrueAsync(
            async () =>
            {
                await using var next = await BackupSession.TryOpenAsync(new ServerAddress(ConnectionString), Schema, CancellationToken.None);
                return next is not null;
            },
            "the lock is free");
    }

    [Test]
    public void A_second_writer_of_a_file_is_refused_and_does_not_take_it_from_the_first()
    {
        var target = new DirectoryBackupTarget(TargetPath);

        Assert.That(
            () => target.WriteAsync("file", async (stream, token) =>
            {
                await stream.WriteAsync("first"u8.ToArray(), token);
                Assert.That(() => target.WriteAsync("file", (_, _) => Task.CompletedTask, token), Throws.InstanceOf<IOException>());
            }, CancellationToken.None),
            Throws.Nothing);

        Assert.That(File.ReadAllText(Path.Combine(TargetPath, "file")), Is.EqualTo("first"));
    }

    [Test]
    public async Task A_full_target_fails_loudly_and_older_backups_are_untouched()
    {
        Directory.CreateDirectory(TargetPath);
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || await RunAsync("mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", TargetPath) != 0)
            Assert.Ignore("needs to mount a small tmpfs, which is for root, and not permitted in every container");
        try
        {
            var backup = NewBackup();
            var good = await backup.TakeAsync();
            await Store.StoreManyAsync(Enumerable.Range(0, 1000).Select(i => new NewMemory(
                Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(500)) + i, MemoryType.Agent)));

            Assert.That(() => backup.TakeAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("No space left on device"));

            Assert.That(TargetFiles, Is.EqualTo(new[] { good.FileName, good.Id + ".manifest.json" }));
            Assert.That(await ProgramSessionsAsync(), Is.Zero);
            Assert.That((await backup.VerifyAsync(good.Id)).Passed);
        }
        finally
        {
            await RunAsync("umount", TargetPath);
        }
    }

    /// <summary>What the child does, when it is one.</summary>
    internal static async Task RunChildAsync()
    {
        if (Environment.GetEnvironmentVariable(ConnectionVariable) is not { Length: > 0 } connection)
            return;
        var store = new UnifiedMemoryOptions { ConnectionString = connection, SchemaPrefix = Environment.GetEnvironmentVariable(PrefixVariable)! };
        var directory = new DirectoryBackupTarget(Environment.GetEnvironmentVariable(TargetVariable)!);
        var suffix = Environment.GetEnvironmentVariable(SuffixVariable) is { Length: > 0 } held ? held : "none";
        var target = new HeldTarget(directory, suffix, async token =>
        {
            await Console.Out.WriteLineAsync(Held);
            await Task.Delay(Timeout.Infinite, token);
        });
        await StoreBackup.Create(store, new BackupOptions { Target = target, CompressionLevel = 0 }).TakeAsync();
        Environment.Exit(0);
    }

    private static Task<long> WaitingAsync(string application) => BackupServer.ScalarAsync<long>(
        $"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '{application}' AND wait_event_type = 'Lock'");

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    private Process StartChild(string suffix)
    {
        var assembly = typeof(InterruptedBackupTests).Assembly.Location;
        return Process.Start(new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = assembly,
                [ConnectionVariable] = ConnectionString,
                [PrefixVariable] = Prefix,
                [TargetVariable] = TargetPath,
                [SuffixVariable] = suffix,
            },
        })!;
    }
}
