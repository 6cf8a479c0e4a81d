namespace UnifiedMemory.Postgres;

/// <summary>Whether an operation that failed is tried again.</summary>
internal enum RetryRule
{
    /// <summary>Trying again would fail again, or do harm.</summary>
    Never,

    /// <summary>The server was away, full, or changed roles: again until the budget is used up.</summary>
    UntilBudget,

    /// <summary>The transaction lost against another: the whole of it again, a few times.</summary>
    Replay,
}
