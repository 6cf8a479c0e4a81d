namespace UnifiedMemory.SessionBuddy.Importing;

/// <summary>Counts what becomes of the rows of one table, and reports it.</summary>
internal sealed class ImportTally(string table, IProgress<SessionBuddyImportTable>? progress) : IProgress<StoreProgress>
{
    private const int MaxReasons = 10;

    private readonly Lock _lock = new();
    private readonly List<string> _reasons = [];
    private StoreProgress _stored = new(0, 0, 0);
    private StoreProgress _skipped = new(0, 0, 0);
    private long _read;

    public SessionBuddyImportTable Result
    {
        get
        {
            lock (_lock)
            {
                return new SessionBuddyImportTable(
                    table, _read, _stored.Created + _skipped.Created, _stored.AlreadyStored + _skipped.AlreadyStored, _stored.Rejected + _skipped.Rejected)
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

    /// <summary>What <c>StoreManyAsync</c> says of all rows that it was given so far.</summary>
    public void Report(StoreProgress value)
    {
        lock (_lock)
            _stored = value;
        progress?.Report(Result);
    }

    /// <summary>A row that <c>StoreManyAsync</c> was not given.</summary>
    public void Count(StoreOutcome outcome)
    {
        lock (_lock)
        {
            _skipped = outcome switch
            {
                StoreOutcome.Created => _skipped with { Created = _skipped.Created + 1 },
                StoreOutcome.AlreadyStored => _skipped with { AlreadyStored = _skipped.AlreadyStored + 1 },
                _ => _skipped with { Rejected = _skipped.Rejected + 1 },
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
