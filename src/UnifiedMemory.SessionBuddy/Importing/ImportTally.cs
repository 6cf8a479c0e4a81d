namespace UnifiedMemory.SessionBuddy.Importing;

/// <summary>Counts what becomes of the rows of one table, and reports it.</summary>
internal sealed class ImportTally(string table, IProgress<SessionBuddyImportTable>? progress) : IProgress<StoreProgress>
{
    private const int MaxReasons = 10;

    private readonly Lock _lock = new();
    private readonly List<string> _reasons = [];
    private StoreProgress _stored = new(0, 0, 0);
    private StoreProgress _counted = new(0, 0, 0);
    private long _read;

    public SessionBuddyImportTable Result
    {
        get
        {
            lock (_lock)
            {
                return new SessionBuddyImportTable(
                    table, _read, _stored.Created + _counted.Created, _stored.AlreadyStored + _counted.AlreadyStored, _stored.Rejected + _counted.Rejected)
                {
                    Rejections = [.. _reasons],
                };
            }
        }
    }

    public void Read()
    {
        lock (_lock)
            _read++;
    }

    /// <summary>What a call of <c>StoreManyAsync</c> says of all rows that it was given so far.</summary>
    public void Report(StoreProgress value)
    {
        lock (_lock)
            _stored = value;
        progress?.Report(Result);
    }

    /// <summary>The next call counts from zero.</summary>
    public void EndCall()
    {
        lock (_lock)
        {
            _counted = new(_counted.Created + _stored.Created, _counted.AlreadyStored + _stored.AlreadyStored, _counted.Rejected + _stored.Rejected);
            _stored = new(0, 0, 0);
        }
    }

    /// <summary>A row that <c>StoreManyAsync</c> was not given.</summary>
    public void Count(StoreOutcome outcome)
    {
        lock (_lock)
        {
            _counted = outcome switch
            {
                StoreOutcome.Created => _counted with { Created = _counted.Created + 1 },
                StoreOutcome.AlreadyStored => _counted with { AlreadyStored = _counted.AlreadyStored + 1 },
                _ => _counted with { Rejected = _counted.Rejected + 1 },
            };
        }
    }

    public void Reject(string id, string reason)
    {
        Count(StoreOutcome.Rejected);
        AddReason(id, reason);
    }

    public void AddReason(string id, string reason)
    {
        lock (_lock)
        {
            if (_reasons.Count < MaxReasons)
                _reasons.Add($"{id}: {reason}");
        }
    }
}
