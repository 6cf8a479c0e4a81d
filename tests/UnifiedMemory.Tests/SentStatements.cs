using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace UnifiedMemory.Tests;

/// <summary>
/// The statements of one store, from Npgsql's traces. They are told from those of other stores by the store's application
/// name, which is also the name of its data source.
/// </summary>
internal sealed class SentStatements : IDisposable
{
    private readonly ConcurrentQueue<SentStatement> _sent = new();
    private readonly ActivityListener _listener;

    public SentStatements(string applicationName)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if (activity.GetTagItem("db.npgsql.data_source") as string == applicationName && activity.GetTagItem("db.query.text") is string text)
                    _sent.Enqueue(new SentStatement(text, Convert.ToInt32(activity.GetTagItem("server.port"), CultureInfo.InvariantCulture)));
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>What was sent since the last time.</summary>
    public IReadOnlyList<SentStatement> Take()
    {
        var taken = new List<SentStatement>();
        while (_sent.TryDequeue(out var statement))
            taken.Add(statement);
        return taken;
    }

    public void Dispose() => _listener.Dispose();
}
