using Npgsql;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class PostgresClusterTests
{
    private PostgresCluster _cluster = null!;

    [OneTimeSetUp]
    public async Task StartAsync() =>
        _cluster = await PostgresCluster.StartAsync(new Dictionary<string, string> { ["max_connections"] = "23" });

    [SetUp]
    public Task MakeTableAsync() => ExecuteAsync("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)");

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    [Test]
    public async Task It_has_its_settings() => Assert.That(await AskAsync<string>("SHOW max_connections"), Is.EqualTo("23"));

    [Test]
    public async Task It_is_restarted_with_its_data_and_the_same_connection_string([Values] PostgresShutdown shutdown)
    {
        var connectionString = _cluster.ConnectionString;
        await ExecuteAsync("INSERT INTO kept VALUES (1)");

        await _cluster.StopAsync(shutdown);
        Assert.That(_cluster.IsRunning, Is.False);
        Assert.That(() => ExecuteAsync("SELECT 1"), Throws.InstanceOf<NpgsqlException>());
        await _cluster.StartAgainAsync();

        Assert.That(_cluster.ConnectionString, Is.EqualTo(connectionString));
        Assert.That(await CountAsync(), Is.EqualTo(1));
        Assert.That(await File.ReadAllTextAsync(_cluster.LogFile), Does.Contain(
            shutdown == PostgresShutdown.Fast ? "received fast shutdown request" : "received immediate shutdown request"));
    }

    [Test]
    public async Task A_killed_server_starts_again_with_what_was_committed()
    {
        await using var open = new NpgsqlConnection(_cluster.ConnectionString);
        await open.OpenAsync();
        for (var round = 1; round <= 3; round++)
        {
            await ExecuteAsync("INSERT INTO kept VALUES (1)");
            await _cluster.KillPostmasterAsync();
            Assert.That(_cluster.IsRunning, Is.False);
            await _cluster.StartAgainAsync();
            Assert.That(await CountAsync(), Is.EqualTo(round));
        }
    }

    [Test]
    public async Task Killing_one_backend_takes_all_down_and_the_server_recovers()
    {
        await using var victim = new NpgsqlConnection(_cluster.ConnectionString);
        await using var bystander = new NpgsqlConnection(_cluster.ConnectionString);
        await victim.OpenAsync();
        await bystander.OpenAsync();
        await ExecuteAsync("INSERT INTO kept VALUES (1)");

        _cluster.KillBackend(victim.ProcessID);

        Assert.That(() => ReadAsync(bystander), Throws.InstanceOf<NpgsqlException>());
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return await CountAsync() == 1;
                }
                catch (NpgsqlException)
                {
                    return false;
                }
            },
            "the server recovers");
        Assert.That(await File.ReadAllTextAsync(_cluster.LogFile), Does.Contain("was terminated by signal 9"));

        async Task ReadAsync(NpgsqlConnection connection)
        {
            await using var command = new NpgsqlCommand("SELECT pg_sleep(30)", connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Test]
    public void A_process_that_is_no_backend_is_not_killed()
    {
        Assert.That(() => _cluster.KillBackend(Environment.ProcessId), Throws.InvalidOperationException);
    }

    [Test]
    public async Task A_killed_server_is_disposed_of()
    {
        var cluster = await PostgresCluster.StartAsync();
        await cluster.KillPostmasterAsync();
        await cluster.DisposeAsync();

        Assert.That(Directory.Exists(cluster.DataDirectory), Is.False);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_cluster.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private Task<long> CountAsync() => AskAsync<long>("SELECT count(*) FROM kept");

    private async Task<T> AskAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(_cluster.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
