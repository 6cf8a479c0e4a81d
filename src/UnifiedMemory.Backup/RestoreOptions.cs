namespace UnifiedMemory.Backup;

/// <summary>Where a logical backup is restored to.</summary>
public sealed record RestoreOptions
{
    /// <summary>The database, with a role that may create it, or schemas in it. It is created when it is missing.</summary>
    public required string ConnectionString { get; init; }

    /// <summary>
    /// Whether the store may take the place of one that is in the database. Asked twice: <see cref="ConfirmDatabase"/> must name
    /// the database as well. The old schemas are kept, under another name. Default: no.
    /// <para>
    /// Stop the hosts of that store first. One that runs fails while there is no store, may deliver again what is queued in the moment before
    /// it is marked as tried, and what it changes before the checks have compared it makes them fail.
    /// </para>
    /// </summary>
    public bool ReplaceExisting { get; init; }

    /// <summary>The name of the database whose store is to be replaced. Default: none.</summary>
    public string? ConfirmDatabase { get; init; }
}
