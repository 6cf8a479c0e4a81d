using System.Globalization;

namespace UnifiedMemory.Backup.Physical;

/// <summary>
/// The archived write-ahead log as a recovery reads it: from the backup's first segment on, and at each fork to the newest timeline.
/// </summary>
internal sealed class ArchivedLog
{
    private const int MostNamed = 3;

    private readonly long _segmentBytes;
    private readonly SortedSet<long> _found = [];
    private readonly List<(uint Timeline, long Begin)> _timelines;

    private ArchivedLog(long segmentBytes, List<(uint Timeline, long Begin)> timelines)
    {
        _segmentBytes = segmentBytes;
        _timelines = timelines;
    }

    /// <summary>What is wrong, in words; empty when a recovery finds every segment up to the newest one.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>The newest whole segment; <c>null</c> when there is none.</summary>
    public string? Newest => _found.Count == 0 ? null : NameOf(_found.Max);

    public int Count => _found.Count;

    /// <summary>Whether there is more than the backup itself needs.</summary>
    public bool GoesOn { get; private set; }

    /// <summary>The segment after the newest whole one, as far as pg_receivewal has received it; <c>null</c> when there is none.</summary>
    public string? Begun { get; private set; }

    /// <param name="directory">The archive.</param>
    /// <param name="needed">The segments that the backup cannot do without, at least one, in order.</param>
    /// <param name="segmentBytes">The server's <c>wal_segment_size</c>.</param>
    public static ArchivedLog Read(string directory, IReadOnlyList<string> needed, long segmentBytes)
    {
        var first = LogSegment.Parse(needed[0], segmentBytes);
        var log = new ArchivedLog(segmentBytes, [(first.Timeline, first.Number)]);
        if (!Directory.Exists(directory))
        {
            log.Problem = $"the archive {directory} does not exist";
            return log;
        }

        if (!log.FollowTimelines(directory, first))
            return log;
        var wrong = new List<string>();
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles())
        {
            if (!LogSegment.TryParse(file.Name, segmentBytes, out var segment) || segment.Number < first.Number || log.NameOf(segment.Number) != file.Name)
                continue;
            if (LengthOf(file) is not { } length)
                continue;
            if (length == segmentBytes)
                log._found.Add(segment.Number);
            else
                wrong.Add(string.Create(CultureInfo.InvariantCulture, $"{file.Name} has {length} bytes instead of {segmentBytes}"));
        }

        if (log.Newest is not null && log.NameOf(log._found.Max + 1) is var next && new FileInfo(Path.Combine(directory, next + ".partial")) is { Exists: true } partial
            && partial.Length == segmentBytes)
            log.Begun = next;
        var last = LogSegment.Parse(needed[^1], segmentBytes).Number;
        log.GoesOn = log._found.Count > 0 && (log._found.Max > last || log.Begun is not null);
        log.Judge(directory, first.Number, last, wrong);
        return log;
    }

    /// <summary>Whether a recovery that came to a place has read the newest whole segment.</summary>
    public bool IsReadBy(ulong position) => _found.Count == 0 || (long)((position - 1) / (ulong)_segmentBytes) >= _found.Max;

    /// <returns><c>null</c> when it was renamed or removed since its directory was read.</returns>
    private static long? LengthOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private void Judge(string directory, long first, long lastNeeded, List<string> wrong)
    {
        var last = Math.Max(lastNeeded, _found.Count == 0 ? 0 : _found.Max);
        var missing = 0L;
        var names = new List<string>();
        for (var number = first; number <= last; number++)
        {
            if (_found.Contains(number))
                continue;
            missing++;
            if (names.Count < MostNamed)
                names.Add(NameOf(number));
        }

        if (missing == 0)
            return;
        var more = missing > names.Count ? string.Create(CultureInfo.InvariantCulture, $" and {missing - names.Count} more") : "";
        Problem = $"the archive {directory} lacks {string.Join(", ", names)}{more}"
            + (wrong.Count == 0 ? "" : $" ({string.Join(", ", wrong.Take(MostNamed))})")
            + (Newest is null ? ", and has nothing after it" : $"; the newest one there is {Newest}");
    }

    /// <summary>As PostgreSQL does: the newest timeline is the last one in a row of numbers that has a history.</summary>
    private bool FollowTimelines(string directory, LogSegment first)
    {
        var newest = first.Timeline;
        while (File.Exists(HistoryOf(directory, newest + 1)))
            newest++;
        if (newest == first.Timeline)
            return true;
        var forks = new List<(uint Timeline, ulong End)>();
        foreach (var line in File.ReadLines(HistoryOf(directory, newest)))
        {
            if (line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [var timeline, var end, ..]
                && uint.TryParse(timeline, CultureInfo.InvariantCulture, out var number) && LogSegment.TryParsePosition(end, out var position))
                forks.Add((number, position));
        }

        var own = forks.FindIndex(fork => fork.Timeline == first.Timeline);
        if (own < 0 || (long)(forks[own].End / (ulong)_segmentBytes) < first.Number)
        {
            Problem = $"the newest timeline of the archive {directory}, {newest:X8}, does not come from the backup's, {first.Timeline:X8}: the log of another server is there";
            return false;
        }

        for (var i = own; i < forks.Count; i++)
            _timelines.Add((i + 1 < forks.Count ? forks[i + 1].Timeline : newest, (long)(forks[i].End / (ulong)_segmentBytes)));
        return true;
    }

    private string NameOf(long number) =>
        new LogSegment(_timelines.Last(timeline => timeline.Begin <= number).Timeline, number).ToName(_segmentBytes);

    private static string HistoryOf(string directory, uint timeline) =>
        Path.Combine(directory, timeline.ToString("X8", CultureInfo.InvariantCulture) + ".history");
}
