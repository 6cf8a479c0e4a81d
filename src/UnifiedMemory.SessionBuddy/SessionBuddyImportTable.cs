namespace UnifiedMemory.SessionBuddy;

/// <summary>What became of the rows of one table of the file. Read = Created + AlreadyStored + Rejected, once it is finished.</summary>
/// <param name="Table">The table's name.</param>
/// <param name="Read">Rows read.</param>
/// <param name="Created">Rows that are new in the store.</param>
/// <param name="AlreadyStored">Rows that the store had, or that came from it.</param>
/// <param name="Rejected">Rows that cannot be stored.</param>
public sealed record SessionBuddyImportTable(string Table, long Read, long Created, long AlreadyStored, long Rejected)
{
    /// <summary>Why, for the first ten rejected rows, each with its id. Holds no content.</summary>
    public IReadOnlyList<string> Rejections { get; init; } = [];
}
