using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Faults;

/// <summary>The queue in front of the pool: first come, first served, and no slot is ever lost.</summary>
public sealed class GateTests : FaultFixture
{
    private const string ApplicationName = "gate";

    [Test]
    public async Task Callers_get_a_connection_in_the_order_in_which_they_came_and_those_who_leave_hold_nobody_up()
    {
        await using var database = NewDatabase(poolSize: 1);
        using var leave = new CancellationTokenSource();
        var free = new TaskCompletionSource();
        var entered = new TaskCompletionSource();
        var order = new List<int>();
        var holding = database.RunAsync("hold", async (_, _) =>
        {
            entered.SetResult();
            await free.Task;
            return 0;
        }, CancellationToken.None);
        await entered.Task;

        // Each call is in the queue when it returns its task.
        var calls = Enumerable.Range(0, 300).Select(i => database.RunAsync("wait", (_, _) =>
        {
            order.Add(i);
            return Task.FromResult(0);
        }, i % 3 == 0 ? leave.Token : CancellationToken.None)).ToList();
        await leave.CancelAsync();
        foreach (var left in calls.Where((_, i) => i % 3 == 0))
            Assert.That(async () => await left.WaitAsync(TimeSpan.FromSeconds(10)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(holding.IsCompleted, Is.False, "they left while the connection was in use");
        free.SetResult();
        await holding;
        await Task.WhenAll(calls.Where((_, i) => i % 3 != 0));

        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 300).Where(i => i % 3 != 0)));
    }

    [Test]
    public async Task A_storm_of_cancellations_and_failures_leaves_every_slot_and_every_session_whole()
    {
        const int poolSize = 10;
        await using var database = NewDatabase(poolSize);
        // A slow machine would spend the storm on opening connections, and no statement would be under way to be cancelled.
        var inside = 0;
        var all = new TaskCompletionSource();
        await Task.WhenAll(Enumerable.Range(0, poolSize).Select(_ => HoldAsync(all.Task)));
        var random = new Random(11);
        var outcomes = new ConcurrentDictionary<string, int>();

        await Task.WhenAll(Enumerable.Range(0, 1500).Select(async i =>
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(0, 400)));
            try
            {
                await database.RunAsync("storm", async (connection, token) =>
                {
                    outcomes.AddOrUpdate("started", 1, (_, count) => count + 1);
                    await using var command = new NpgsqlCommand("BEGIN; SELECT pg_sleep(0.02); COMMIT", connection);
                    await command.ExecuteNonQueryAsync(token);
                    return i % 7 == 0 ? throw new InvalidOperationException("the work's own failure") : 0;
                }, cancellation.Token);
                outcomes.AddOrUpdate("done", 1, (_, count) => count + 1);
            }
            catch (Exception exception) when (exception is OperationCanceledException or InvalidOperationException)
            {
                outcomes.AddOrUpdate(exception is OperationCanceledException ? "cancelled" : "failed", 1, (_, count) => count + 1);
            }
        }));

        TestContext.Out.WriteLine(string.Join(", ", outcomes.Select(outcome => $"{outcome.Value} {outcome.Key}")));
        Assert.That(outcomes["cancelled"], Is.GreaterThan(200), "calls were really cancelled");
        Assert.That(outcomes["started"], Is.GreaterThan(outcomes["done"] + outcomes["failed"]), "some of them in the middle of their statement");
        await Eventually.TrueAsync(
            async () => await ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{ApplicationName}' AND state <> 'idle'") == 0,
            "no session is left in a transaction");

        // All slots at once, and not one more: a slot that was lost would make this wait for ever, one too many lets the last in.
        inside = 0;
        all = new TaskCompletionSource();
        var free = new TaskCompletionSource();
        var calls = Enumerable.Range(0, poolSize + 1).Select(_ => HoldAsync(free.Task)).ToList();
        await all.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{ApplicationName}'"), Is.EqualTo(poolSize));
        Assert.That(inside, Is.EqualTo(poolSize));
        free.SetResult();
        await Task.WhenAll(calls);

        Task HoldAsync(Task until) => database.RunAsync("hold", async (connection, token) =>
        {
            await using var command = new NpgsqlCommand("SELECT 1", connection);
            await command.ExecuteScalarAsync(token);
            if (Interlocked.Increment(ref inside) == poolSize)
                all.SetResult();
            await until;
            return 0;
        }, CancellationToken.None);
    }

    [Test]
    public async Task A_thousand_searches_use_the_whole_pool_and_no_more()
    {
        await using var store = NewStore(options => options.ApplicationName = ApplicationName);
        await store.StoreManyAsync(Enumerable.Range(0, 200).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        using var stop = new CancellationTokenSource();
        var most = 0L;
        var watching = Task.Run(async () =>
        {
            await using var connection = await OpenAsync();
            await using var command = new NpgsqlCommand($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{ApplicationName}'", connection);
            while (!stop.IsCancellationRequested)
                most = Math.Max(most, (long)(await command.ExecuteScalarAsync())!);
        });

        var found = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => store.SearchAsync(new MemoryQuery($"memory {i % 200}"))));
        await stop.CancelAsync();
        await watching;

        Assert.That(found, Has.All.Count.EqualTo(10));
        Assert.That(most, Is.EqualTo(20), "sessions at the same time");
    }

    private Database NewDatabase(int poolSize) => new(
        new UnifiedMemoryOptions { ConnectionString = Cluster.ConnectionString, MaxPoolSize = poolSize, ApplicationName = ApplicationName },
        NullLoggerFactory.Instance, TimeProvider.System);
}
