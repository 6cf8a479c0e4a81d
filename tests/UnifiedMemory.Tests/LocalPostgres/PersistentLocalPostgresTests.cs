using Npgsql;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class PersistentLocalPostgresTests : LocalPostgresFixture
{
    private string Data => Path.Combine(Directory, "persistent");

    [Test]
    public async Task Data_and_password_outlive_the_server()
    {
        string first;
        await using (var server = await StartAsync(Data))
        {
            first = server.ConnectionString;
            await AskAsync<int>(first, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7); SELECT 1");
            Assert.That(await AskAsync<string>(first, "SHOW fsync"), Is.EqualTo("on"));
        }

        Assert.That(await AnswersAsync(first), Is.False);
        await using var again = await StartAsync(Data);
        Assert.That(await AskAsync<int>(again.ConnectionString, "SELECT n FROM kept"), Is.EqualTo(7));
        Assert.That(PasswordOf(again), Is.EqualTo(new NpgsqlConnectionStringBuilder(first).Password));
    }

    [Test]
    public async Task Without_a_directory_there_is_one_cluster_a_user()
    {
        await using var server = await StartAsync(new LocalPostgresOptions { Persistent = true });

        Assert.That(
            await AskAsync<string>(server.ConnectionString, "SHOW data_directory"),
            Is.EqualTo(Path.Combine(Machine.StateDirectory, "persistent", "data")));
    }

    [Test]
    public async Task Several_starts_at_once_share_one_server_and_the_last_to_leave_stops_it()
    {
        var servers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StartAsync(Data)));
        Assert.That(servers.Select(server => server.ConnectionString).Distinct().Count(), Is.EqualTo(1));

        foreach (var server in servers)
        {
            Assert.That(await AnswersAsync(server.ConnectionString), Is.True);
            await server.DisposeAsync();
        }

        Assert.That(await AnswersAsync(servers[0].ConnectionString), Is.False);
    }

    [Test]
    public async Task Two_processes_share_one_server_and_the_last_to_leave_stops_it()
    {
        using var child = await ChildServer.StartAsync(Machine, Data);
        string shared;
        await using (var server = await StartAsync(Data))
        {
            shared = server.ConnectionString;
            Assert.That(shared, Is.EqualTo(child.ConnectionString));
            await child.EndAsync();
            Assert.That(await AnswersAsync(shared), Is.True, "its starter has left, but this process has not");
        }

        Assert.That(await AnswersAsync(shared), Is.False);
    }

    [Test]
    public async Task A_server_whose_process_was_killed_is_reused_and_then_stopped()
    {
        using var child = await ChildServer.StartAsync(Machine, Data);
        await child.KillAsync();
        Assert.That(await AnswersAsync(child.ConnectionString), Is.True, "the server outlives its process");

        var server = await StartAsync(Data);
        Assert.That(server.ConnectionString, Is.EqualTo(child.ConnectionString));
        await server.DisposeAsync();
        Assert.That(await AnswersAsync(child.ConnectionString), Is.False);
    }

    [Test]
    public async Task A_throw_away_server_whose_process_was_killed_is_removed_by_the_next_start()
    {
        using var killed = await ChildServer.StartAsync(Machine);
        using var living = await ChildServer.StartAsync(Machine);
        await killed.KillAsync();
        Assert.That(await AnswersAsync(killed.ConnectionString), Is.True, "the server outlives its process");

        await using var server = await StartAsync(new LocalPostgresOptions());

        Assert.That(await AnswersAsync(killed.ConnectionString), Is.False);
        Assert.That(await AnswersAsync(living.ConnectionString), Is.True, "its process lives");
        Assert.That(System.IO.Directory.GetDirectories(ThrowAwayDirectory), Has.Length.EqualTo(2));
        await living.EndAsync();
        Assert.That(System.IO.Directory.GetDirectories(ThrowAwayDirectory), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_directory_with_something_else_is_refused_and_left_alone()
    {
        System.IO.Directory.CreateDirectory(Data);
        var file = Path.Combine(Data, "thesis.txt");
        await File.WriteAllTextAsync(file, "precious");

        var error = Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(Data));

        Assert.That(error!.Message, Does.Contain(Data));
        Assert.That(System.IO.Directory.GetFileSystemEntries(Data), Is.EqualTo(new[] { file }));
    }

    [Test]
    public async Task Data_of_another_version_is_refused_with_the_version_it_needs()
    {
        System.IO.Directory.CreateDirectory(Path.Combine(Data, "leases"));
        System.IO.Directory.CreateDirectory(Path.Combine(Data, "data"));
        await File.WriteAllTextAsync(Path.Combine(Data, "data", "PG_VERSION"), "9\n");

        var error = Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(Data));

        Assert.That(error!.Message, Does.Contain("made by PostgreSQL 9").And.Contain("Install PostgreSQL 9"));
    }

    [Test]
    public async Task An_initdb_that_was_killed_half_way_is_done_again()
    {
        System.IO.Directory.CreateDirectory(Path.Combine(Data, "leases"));
        System.IO.Directory.CreateDirectory(Path.Combine(Data, "data.unfinished", "base"));

        await using var server = await StartAsync(Data);

        Assert.That(await AnswersAsync(server.ConnectionString), Is.True);
    }

    private static string? PasswordOf(LocalPostgres server) => new NpgsqlConnectionStringBuilder(server.ConnectionString).Password;
}
