using System.Globalization;

namespace UnifiedMemory.Exchange;

/// <summary>Counts what becomes of imported memories.</summary>
internal sealed class ImportTally(IProgress<StoreProgress>? progress, bool embedded)
{
    private const int MostReasons = 100;

    private readonly List<string> _rejections = [];
    private long _created;
    private long _alreadyStored;
    private long _rejected;

    public ImportReport Report => new(_created, _alreadyStored, _rejected, embedded, _rejections);

    public void Reject(long line, string reason)
    {
        _rejected++;
        if (_rejections.Count < MostReasons)
            _rejections.Add(string.Create(CultureInfo.InvariantCulture, $"line {line}: {reason}"));
    }

    public void Add(IReadOnlyList<long> lines, IReadOnlyList<StoredMemory> stored)
    {
        for (var i = 0; i < stored.Count; i++)
        {
            if (stored[i].Outcome == StoreOutcome.Created)
                _created++;
            else if (stored[i].Outcome == StoreOutcome.AlreadyStored)
                _alreadyStored++;
            else
                Reject(lines[i], stored[i].Rejection ?? "");
        }

        progress?.Report(new StoreProgress(_created, _alreadyStored, _rejected));
    }
}
