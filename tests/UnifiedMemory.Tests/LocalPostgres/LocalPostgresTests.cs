using Npgsql;
using UnifiedMemory.Clusters;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class LocalPostgresTests : LocalPostgresFixture
{
    [Test]
    public async Task A_throw_away_server_answers_and_is_gone_afterwards()
    {
        var server = await StartAsync(new LocalPostgresOptions());
        await using (server)
        {
            Assert.That(server.Origin, Is.EqualTo(LocalPostgresOrigin.LocalBinaries));
            Assert.That(await AskAsync<string>(server.ConnectionString, "SELECT current_database()"), Is.EqualTo("memory"));
            Assert.That(await AskAsync<string>(server.ConnectionString, "SHOW server_encoding"), Is.EqualTo("UTF8"));
            Assert.That(
                await AskAsync<int>(server.ConnectionString, "CREATE EXTENSION vector; SELECT vector_dims('[1,2,3]'::vector)"),
                Is.EqualTo(3));
            Assert.That(System.IO.Directory.GetDirectories(ThrowAwayDirectory), Has.Length.EqualTo(1));
        }

        Assert.That(await AnswersAsync(server.ConnectionString), Is.False);
        Assert.That(System.IO.Directory.GetDirectories(ThrowAwayDirectory), Is.Empty);
        Assert.That(CommandLines(), Has.None.Contains(ThrowAwayDirectory));
        Assert.DoesNotThrowAsync(async () => await server.DisposeAsync());
    }

    [Test]
    public async Task It_listens_on_loopback_only_and_asks_for_the_password()
    {
        await using var server = await StartAsync(new LocalPostgresOptions());
        var wrong = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Password = "guess" };

        Assert.That(await AskAsync<string>(server.ConnectionString, "SHOW listen_addresses"), Is.EqualTo("127.0.0.1"));
        Assert.That(await AskAsync<string>(server.ConnectionString, "SHOW unix_socket_directories"), Is.Empty);
        Assert.That(
            async () => await AskAsync<int>(wrong.ConnectionString, "SELECT 1"),
            Throws.TypeOf<PostgresException>().With.Property(nameof(PostgresException.SqlState)).EqualTo("28P01"));
    }

    [Test]
    public async Task Options_reach_the_server()
    {
        var options = new LocalPostgresOptions
        {
            MaxConnections = 37,
            Database = "odd \" name",
            LogFile = Path.Combine(Directory, "my.log"),
            Settings = { ["work_mem"] = "7MB", ["application_name"] = @"it's \ here" },
        };
        await using (var server = await StartAsync(options))
        {
            Assert.That(await AskAsync<string>(server.ConnectionString, "SHOW max_connections"), Is.EqualTo("37"));
            Assert.That(await AskAsync<string>(server.ConnectionString, "SHOW work_mem"), Is.EqualTo("7MB"));
            Assert.That(await AskAsync<string>(server.ConnectionString, "SHOW application_name"), Is.EqualTo(@"it's \ here"));
            Assert.That(await AskAsync<string>(server.ConnectionString, "SELECT current_database()"), Is.EqualTo("odd \" name"));
        }

        Assert.That(await File.ReadAllTextAsync(options.LogFile), Does.Contain("ready to accept connections"));
    }

    [Test]
    public async Task The_password_is_on_no_command_line_in_no_log_and_in_no_text()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("reads /proc");
            return;
        }

        HashSet<string> commandLines = [];
        var options = new LocalPostgresOptions { LogFile = Path.Combine(Directory, "server.log") };
        var starting = StartAsync(options);
        while (!starting.IsCompleted)
        {
            commandLines.UnionWith(CommandLines());
            await Task.Yield();
        }

        await using var server = await starting;
        commandLines.UnionWith(CommandLines());
        var password = new NpgsqlConnectionStringBuilder(server.ConnectionString).Password!;

        Assert.That(password, Has.Length.EqualTo(32));
        Assert.That(commandLines, Has.Some.Contains("initdb"), "initdb was seen");
        Assert.That(commandLines, Has.None.Contains(password));
        Assert.That(await File.ReadAllTextAsync(options.LogFile), Does.Not.Contain(password));
        Assert.That(server.ToString(), Does.StartWith("PostgreSQL ").And.Not.Contain(password));
        var file = System.IO.Directory.GetFiles(ThrowAwayDirectory, "password", SearchOption.AllDirectories).Single();
        Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    public async Task A_server_that_the_environment_names_is_used_as_it_is_and_not_stopped()
    {
        await using var other = await StartAsync(new LocalPostgresOptions());
        var machine = Machine with { ExistingConnection = other.ConnectionString };
        await using (var server = await LocalPostgres.StartAsync(new(), machine, CancellationToken.None))
        {
            Assert.That(server.Origin, Is.EqualTo(LocalPostgresOrigin.ExistingServer));
            Assert.That(server.ConnectionString, Is.EqualTo(other.ConnectionString));
            Assert.That(server.ToString(), Does.Not.Contain("Password"));
        }

        Assert.That(await AnswersAsync(other.ConnectionString), Is.True);
    }

    [TestCase("debian trixie", "sudo apt-get install -y postgresql-17 postgresql-17-pgvector")]
    [TestCase("ubuntu noble debian", "apt.postgresql.org.sh")] // its own pgvector is 0.6.0
    [TestCase("debian bookworm", "apt.postgresql.org.sh")]
    [TestCase("fedora", "sudo dnf install -y postgresql-server pgvector")]
    [TestCase("macos", "brew install postgresql@17 pgvector")]
    [TestCase("windows", "start Docker")]
    public void Without_PostgreSQL_the_error_has_the_commands_for_this_system(string system, string command)
    {
        var machine = Machine with { BinaryDirectories = [], System = system };

        var error = Assert.ThrowsAsync<InvalidOperationException>(
            () => LocalPostgres.StartAsync(new(), machine, CancellationToken.None));

        Assert.That(error!.Message, Does.Contain(command).And.Contain("UNIFIED_MEMORY_CONNECTION").And.Contain("Docker"));
    }

    [Test]
    public void All_wrong_options_are_named_at_once()
    {
        var options = new LocalPostgresOptions
        {
            MaxConnections = 3,
            Database = "",
            StartTimeout = TimeSpan.Zero,
            Settings = { ["port"] = "5432", ["a b"] = "1", ["work_mem"] = "1\nport = 1" },
        };

        var error = Assert.ThrowsAsync<ArgumentException>(() => StartAsync(options));

        Assert.That(error!.Message, Does.Contain("MaxConnections is 3").And.Contain("Database").And.Contain("StartTimeout")
            .And.Contain("port").And.Contain("\"a b\"").And.Contain("work_mem"));
    }

    [Test]
    public void A_setting_that_the_server_refuses_is_an_error_with_the_end_of_its_log()
    {
        var options = new LocalPostgresOptions { Settings = { ["shared_buffers"] = "plenty" } };

        var error = Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(options));

        Assert.That(error!.Message, Does.Contain("shared_buffers"));
        Assert.That(System.IO.Directory.GetDirectories(ThrowAwayDirectory), Is.Empty);
    }

    [Test]
    public void A_start_that_is_given_up_leaves_nothing([Values(30, 400, 1200)] int milliseconds)
    {
        using var giveUp = new CancellationTokenSource(milliseconds);

        Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await using var server = await StartAsync(new LocalPostgresOptions(), giveUp.Token);
            await Task.Delay(Timeout.Infinite, giveUp.Token);
        });

        if (System.IO.Directory.Exists(ThrowAwayDirectory))
            Assert.That(System.IO.Directory.GetDirectories(ThrowAwayDirectory), Is.Empty);
        Assert.That(CommandLines(), Has.None.Contains(ThrowAwayDirectory));
    }

    [Test]
    public async Task A_process_that_has_the_number_of_a_dead_server_is_not_taken_for_it()
    {
        var data = Path.Combine(Directory, "data");
        System.IO.Directory.CreateDirectory(data);
        var file = Path.Combine(data, "postmaster.pid");
        await File.WriteAllTextAsync(file, $"{Environment.ProcessId}\n{data}\n1\n5432\n\n127.0.0.1\n1 1\nready\n");

        Assert.That(Postmaster.Find(data), Is.Null);
        Postmaster.ForgetStranger(data);
        Assert.That(File.Exists(file), Is.False);
    }
}
