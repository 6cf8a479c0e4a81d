using System.Collections.Concurrent;

namespace UnifiedMemory.Tests.Insights;

/// <summary>A sink that keeps what it receives, once by key as sinks do, and fails as it is told to.</summary>
internal sealed class RecordingSink(string name = "recording") : IInsightSink
{
    private readonly ConcurrentQueue<Insight> _tries = new();
    private readonly ConcurrentQueue<Insight> _received = new();
    private readonly ConcurrentDictionary<(string Sink, string Namespace), int> _atOnce = new();
    private int _overlaps;

    public string Name => name;

    /// <summary>Every try, in order.</summary>
    public IReadOnlyCollection<Insight> Tries => _tries;

    /// <summary>What was taken, in order, also when it was given twice.</summary>
    public IReadOnlyCollection<Insight> Received => _received;

    public IReadOnlyList<string> Texts => [.. _received.Select(insight => insight.Content)];

    /// <summary>Tries of one namespace that were under way at the same time.</summary>
    public int Overlaps => _overlaps;

    /// <summary>What it answers; may throw or wait.</summary>
    public Func<Insight, CancellationToken, Task<InsightDelivery>> OnDeliver { get; set; } = (_, _) => Task.FromResult(InsightDelivery.Delivered);

    public async Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken)
    {
        var key = (name, insight.Namespace);
        if (_atOnce.AddOrUpdate(key, 1, (_, count) => count + 1) > 1)
            Interlocked.Increment(ref _overlaps);
        try
        {
            _tries.Enqueue(insight);
            var answer = await OnDeliver(insight, cancellationToken);
            if (answer.Outcome == InsightOutcome.Delivered)
                _received.Enqueue(insight);
            return answer;
        }
        finally
        {
            _atOnce.AddOrUpdate(key, 0, (_, count) => count - 1);
        }
    }
}
