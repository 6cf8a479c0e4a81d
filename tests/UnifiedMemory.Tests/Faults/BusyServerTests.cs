using Microsoft.Extensions.Logging;
using Npgsql;

namespace UnifiedMemory.Tests.Faults;

/// <summary>Many callers, few connections, and errors that call for trying again or must not be tried again.</summary>
public sealed class BusyServerTests : FaultFixture
{
    protected override Dictionary<string, string> ServerSettings => new() { ["max_connections"] = "40" };

    [Test]
    public async Task A_thousand_callers_share_twenty_connections_without_an_error()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 200).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        using var stop = new CancellationTokenSource();
        var most = 0L;
        var watching = Task.Run(async () =>
        {
            await using var connection = await OpenAsync();
            await using var command = new NpgsqlCommand("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'UnifiedMemory'", connection);
            while (!stop.IsCancellationRequested)
                most = Math.Max(most, (long)(await command.ExecuteScalarAsync())!);
        });

        var calls = Enumerable.Range(0, 1000).Select(i => Task.Run<object>(async () => i % 2 == 0
            ? await Store.SearchAsync(new MemoryQuery($"memory {i % 200}"))
            : await Store.StoreAsync(new NewMemory($"caller {i}", MemoryType.Agent)))).ToList();
        await Task.WhenAll(calls);
        await stop.CancelAsync();
        await watching;

        Assert.That(most, Is.InRange(2, 20), "sessions at the same time");
        Assert.That(await Store.CountAsync(new MemoryFilter { Types = [MemoryType.Agent] }), Is.EqualTo(500));
    }

    [Test]
    public async Task Waiting_too_long_for_a_connection_is_a_busy_error_on_time()
    {
        await using var store = NewStore(options => (options.MaxPoolSize, options.AcquisitionTimeout) = (1, TimeSpan.FromMilliseconds(300)));
        await store.CountAsync(new MemoryFilter());
        await using var blocker = await OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"LOCK TABLE {Table}", blocker, transaction))
            await command.ExecuteNonQueryAsync();
        var holding = store.CountAsync(new MemoryFilter());
        await Eventually.TrueAsync(
            async () => await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0, "the one connection waits for the lock");

        var waiting = Enumerable.Range(0, 50).Select(_ => store.CountAsync(new MemoryFilter())).ToList();
        foreach (var call in waiting)
        {
            var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await call.WaitAsync(TimeSpan.FromSeconds(20)))!;
            Assert.That(failure.IsTransient, Is.True);
            Assert.That(failure.Message, Does.Contain("busy").And.Contain("MaxPoolSize"));
        }

        await transaction.RollbackAsync();
        Assert.That(await holding, Is.Zero);
        Assert.That(await store.CountAsync(new MemoryFilter()), Is.Zero);
    }

    [Test]
    public async Task A_full_server_is_tried_again_and_then_named()
    {
        var others = new List<NpgsqlConnection>();
        await using var store = NewStore(options => options.RetryBudget = TimeSpan.FromSeconds(1));
        await using var patient = NewStore();
        try
        {
            while (true)
                others.Add(await OpenAsync());
        }
        catch (PostgresException full) when (full.SqlState == PostgresErrorCodes.TooManyConnections)
        {
        }

        var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await store.CountAsync(new MemoryFilter()))!;
        Assert.That(failure.IsTransient, Is.True);
        Assert.That(failure.Message, Does.Contain("53300").And.Contain("max_connections"));

        var waiting = patient.CountAsync(new MemoryFilter());
        foreach (var other in others)
            await other.DisposeAsync();
        Assert.That(await waiting, Is.Zero, "who waits longer gets a connection");
    }

    [TestCase(PostgresErrorCodes.SerializationFailure)]
    [TestCase(PostgresErrorCodes.DeadlockDetected)]
    public async Task A_transaction_that_lost_is_replayed_as_a_whole(string sqlState)
    {
        await FailWritesAsync(sqlState, times: 5);

        var stored = await Store.StoreManyAsync(Enumerable.Range(0, 10).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));

        Assert.That(stored.Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(await AttemptsAsync(), Is.EqualTo(15), "five attempts that ended at their first row, and one that wrote ten");
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(10));
    }

    [Test]
    public async Task A_transaction_that_always_loses_is_replayed_five_times()
    {
        await FailWritesAsync(PostgresErrorCodes.DeadlockDetected, times: 1000);

        var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await Store.StoreAsync(new NewMemory("memory", MemoryType.Rag)))!;

        Assert.That(failure.IsTransient, Is.True);
        Assert.That(await AttemptsAsync(), Is.EqualTo(6));
    }

    [TestCase(PostgresErrorCodes.DiskFull, "free space", TestName = "A_full_disk_fails_at_once_and_reading_goes_on")]
    [TestCase(PostgresErrorCodes.QueryCanceled, "statement_timeout", TestName = "A_statement_timeout_is_not_tried_again")]
    [TestCase(PostgresErrorCodes.ObjectNotInPrerequisiteState, "55000", TestName = "What_only_Npgsql_calls_transient_is_not_tried_again")]
    public async Task An_error_that_trying_again_makes_worse(string sqlState, string message)
    {
        await Store.StoreAsync(new NewMemory("before", MemoryType.Rag));
        await FailWritesAsync(sqlState, times: 1000);

        var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await Store.StoreAsync(new NewMemory("memory", MemoryType.Rag)))!;

        Assert.That(failure.IsTransient, Is.False);
        Assert.That(failure.Message, Does.Contain(sqlState).And.Contain(message));
        Assert.That(await AttemptsAsync(), Is.EqualTo(1));
        Assert.That(await Store.SearchAsync(new MemoryQuery("before")), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_command_that_takes_too_long_runs_once()
    {
        await using var store = NewStore(options => options.CommandTimeout = TimeSpan.FromSeconds(1));
        await store.CountAsync(new MemoryFilter());
        await FailWritesAsync("00000", times: 0);
        await ExecuteAsync($"CREATE OR REPLACE FUNCTION {Prefix}memories.fail() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM nextval('{Prefix}memories.attempts'); PERFORM pg_sleep(30); RETURN NEW; END $f$");

        var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await store.StoreAsync(new NewMemory("slow", MemoryType.Rag)))!;

        Assert.That(failure.Message, Does.Contain("CommandTimeout"));
        Assert.That(failure.IsTransient, Is.False);
        Assert.That(await AttemptsAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task Hundreds_of_cancellations_leak_no_connection_and_no_transaction()
    {
        await using var store = NewStore(options => (options.MaxPoolSize, options.ApplicationName) = (10, "cancelled"));
        await store.StoreManyAsync(Enumerable.Range(0, 300).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        var random = new Random(7);
        var cancelled = 0;

        await Task.WhenAll(Enumerable.Range(0, 600).Select(async i =>
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(0, 60)));
            try
            {
                if (i % 2 == 0)
                    await store.SearchAsync(new MemoryQuery($"memory {i % 300}") { Limit = 200 }, cancellation.Token);
                else
                    await store.StoreAsync(new NewMemory($"new {i}", MemoryType.Agent), cancellation.Token);
            }
            catch (OperationCanceledException exception)
            {
                Assert.That(exception.CancellationToken, Is.EqualTo(cancellation.Token), "the caller's own");
                Interlocked.Increment(ref cancelled);
            }
        }));

        Assert.That(cancelled, Is.GreaterThan(100), "calls were really cancelled");
        await Eventually.TrueAsync(
            async () => await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cancelled' AND state <> 'idle'") == 0,
            "no session is left in a transaction");
        var after = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => store.SearchAsync(new MemoryQuery("memory 1"))));
        Assert.That(after, Has.All.Count.EqualTo(10), "all ten connections work");
        Assert.That(await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cancelled'"), Is.LessThanOrEqualTo(10));
    }

    [Test]
    public async Task Whatever_is_cancelled_while_the_server_works_ends_with_the_token_of_its_caller()
    {
        var stored = await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        await using var blocker = await OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"LOCK TABLE {Table}", blocker, transaction))
            await command.ExecuteNonQueryAsync();
        Func<CancellationToken, Task>[] calls =
        [
            token => Store.CountAsync(new MemoryFilter(), token),
            token => Store.DeleteAsync(stored.Id, token),
            token => Store.StoreAsync(new NewMemory("angle 1", MemoryType.Rag), token),
            token => Store.StoreManyAsync([new NewMemory("angle 2", MemoryType.Rag)], cancellationToken: token),
        ];

        foreach (var call in calls)
        {
            using var cancellation = new CancellationTokenSource();
            var running = call(cancellation.Token);
            await Eventually.TrueAsync(
                async () => await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 1, "the call waits for the lock");
            await cancellation.CancelAsync();

            Assert.That(
                async () => await running,
                Throws.InstanceOf<OperationCanceledException>().With.Property(nameof(OperationCanceledException.CancellationToken)).EqualTo(cancellation.Token));
            await Eventually.TrueAsync(
                async () => await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 0, "the statement has ended");
        }
    }

    [Test]
    public void A_server_that_was_reached_is_not_called_out_of_reach()
    {
        var connection = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Password = null, Passfile = "/dev/null" };
        using var store = NewStore(options => options.ConnectionString = connection.ConnectionString);

        var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await store.CountAsync(new MemoryFilter()))!;

        Assert.That(failure.Message, Does.Contain("No password").And.Not.Contain("reached"));
        Assert.That(failure.IsTransient, Is.False);
    }

    [Test]
    public async Task A_pool_that_does_not_fit_the_server_is_warned_about()
    {
        var log = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(log)));
        await using var store = UnifiedMemoryStore.Create(
            new UnifiedMemoryOptions { ConnectionString = Cluster.ConnectionString, SchemaPrefix = Prefix, MaxPoolSize = 150 }, Embeddings, loggers);
        await store.CountAsync(new MemoryFilter());

        Assert.That(log, Has.One.Contains("pool of 150 connections does not fit under the server's max_connections of 40"));
    }
}
