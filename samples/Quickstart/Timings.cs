using System.Diagnostics.Metrics;

namespace Quickstart;

/// <summary>Where the time of a search goes, as the store's meter reports it.</summary>
internal sealed class Timings : IDisposable
{
    private readonly MeterListener _listener = new();

    public Timings()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name is "unifiedmemory.embedding.duration" or "unifiedmemory.database.duration")
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, seconds, _, _) =>
        {
            if (instrument.Name == "unifiedmemory.embedding.duration")
                Embedding += TimeSpan.FromSeconds(seconds);
            else
                Search += TimeSpan.FromSeconds(seconds);
        });
        _listener.Start();
    }

    public TimeSpan Embedding { get; private set; }

    public TimeSpan Search { get; private set; }

    public void Reset() => (Embedding, Search) = (TimeSpan.Zero, TimeSpan.Zero);

    public void Dispose() => _listener.Dispose();
}
