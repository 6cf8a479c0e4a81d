using System.Text.RegularExpressions;

namespace UnifiedMemory.Backup.Keeping;

/// <summary>The archived files of a write-ahead log: 8 hexadecimal digits of the timeline, 16 of the place.</summary>
internal static partial class WalFiles
{
    /// <summary>
    /// Those that no backup needs which begins at <paramref name="firstNeeded"/> or later. The place alone counts, as pg_archivecleanup
    /// does it: a later timeline goes on where the earlier one was left. Files of the history of timelines are never removed.
    /// </summary>
    public static IEnumerable<string> Removable(IEnumerable<string> names, IEnumerable<string> firstNeeded)
    {
        var first = firstNeeded.Select(PlaceOf).Min(StringComparer.Ordinal);
        return first is null
            ? []
            : names.Where(name => Segment().IsMatch(name) && string.CompareOrdinal(PlaceOf(name), first) < 0);
    }

    /// <summary>The one whose place comes first.</summary>
    public static string Oldest(IEnumerable<string> names) => names.MinBy(PlaceOf, StringComparer.Ordinal)!;

    /// <summary>Whether its name tells a place in the log.</summary>
    public static bool IsOfLog(string name) => Segment().IsMatch(name);

    /// <summary>Whether it is what a base backup leaves, with the place where it began and its label.</summary>
    public static bool IsOfBackup(string name) => Segment().IsMatch(name) && name.EndsWith(".backup", StringComparison.Ordinal);

    private static string PlaceOf(string name) => name[8..24];

    [GeneratedRegex(@"\A[0-9A-F]{24}(\.[0-9A-F]{8}\.backup|\.partial)?\z")]
    private static partial Regex Segment();
}
