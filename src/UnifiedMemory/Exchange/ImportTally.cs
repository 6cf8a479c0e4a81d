using System.Globalization;

namespace UnifiedMemory.Exchange;

/// <summary>Counts what becomes of what is imported.</summary>
internal sealed class ImportTally(IProgress<StoreProgress>? progress, bool embedded)
{
    private const int MostReasons = 100;

    private readonly List<string> _rejections = [];
    private long _created;
    private long _alreadyStored;
    private long _rejected;

    private (long Created, long AlreadyStored) _patterns;
    private (long Created, long AlreadyStored) _dependencies;

    public ImportReport Report => new(_created, _alreadyStored, _rejected, embedded, _rejections)
    {
        PatternsCreated = _patterns.Created,
        PatternsAlreadyStored = _patterns.AlreadyStored,
        DependenciesCreated = _dependencies.Created,
        DependenciesAlreadyStored = _dependencies.AlreadyStored,
    };

    public void AddPattern(bool isNew) => Count(ref _patterns, isNew);

    public void AddDependency(bool isNew) => Count(ref _dependencies, isNew);

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

    private static void Count(ref (long Created, long AlreadyStored) counts, bool isNew)
    {
        if (isNew)
            counts.Created++;
        else
            counts.AlreadyStored++;
    }
}
