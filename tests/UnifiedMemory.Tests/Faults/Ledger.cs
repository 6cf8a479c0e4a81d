using System.Collections.Concurrent;

namespace UnifiedMemory.Tests.Faults;

/// <summary>
/// Writers that note what was acknowledged, to be compared with what the database holds: every acknowledged write is there,
/// none twice, and a failed one at most once.
/// </summary>
internal sealed class Ledger(UnifiedMemoryStore store)
{
    private readonly ConcurrentDictionary<string, Guid> _acknowledged = new();
    private readonly ConcurrentQueue<Exception> _failures = new();
    private int _number;

    public IReadOnlyCollection<Exception> Failures => _failures;

    public int Acknowledged => _acknowledged.Count;

    /// <summary>Writes with so many callers until told to stop.</summary>
    public Task WriteAsync(int callers, CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
    {
        while (!stop.IsCancellationRequested)
        {
            var text = $"ledger {Interlocked.Increment(ref _number)}";
            try
            {
                var stored = await store.StoreAsync(new NewMemory(text, MemoryType.Workflow), CancellationToken.None);
                Assert.That(stored.Outcome, Is.EqualTo(StoreOutcome.Created), "each text is stored by one call, so an attempt that was repeated is still its first");
                _acknowledged[text] = stored.Id;
            }
            catch (UnifiedMemoryException exception)
            {
                _failures.Enqueue(exception);
            }
        }
    })));

    public async Task AssertAsync()
    {
        var stored = new Dictionary<string, Guid>();
        await foreach (var memory in store.ListAsync(new MemoryFilter()))
            Assert.That(stored.TryAdd(memory.Content, memory.Id), Is.True, $"'{memory.Content}' is stored twice");

        Assert.That(Acknowledged, Is.GreaterThan(0));
        var lost = _acknowledged.Where(one => !stored.TryGetValue(one.Key, out var id) || id != one.Value).ToList();
        Assert.That(lost, Is.Empty, "acknowledged and not there");
        Assert.That(stored, Has.Count.LessThanOrEqualTo(Acknowledged + _failures.Count));
    }
}
