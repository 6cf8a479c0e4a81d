using System.Globalization;

namespace UnifiedMemory.Backup.Physical;

/// <summary>A segment of the write-ahead log: its timeline, and how many segments of that size came before its place.</summary>
internal readonly record struct LogSegment(uint Timeline, long Number)
{
    private const int NameLength = 24;

    /// <summary>The middle eight digits of a name count so many bytes of the log.</summary>
    private const long BytesOfMiddle = 1L << 32;

    public static bool IsName(string name) => name.Length == NameLength && name.All(char.IsAsciiHexDigitUpper);

    public static LogSegment Parse(string name, long segmentBytes) => TryParse(name, segmentBytes, out var segment)
        ? segment
        : throw new ArgumentException($"'{name}' is no segment of a write-ahead log.", nameof(name));

    public static bool TryParse(string name, long segmentBytes, out LogSegment segment)
    {
        segment = default;
        if (!IsName(name))
            return false;
        segment = new LogSegment(Hex(name[..8]), (Hex(name[8..16]) * (BytesOfMiddle / segmentBytes)) + Hex(name[16..]));
        return true;
    }

    /// <summary>A place in the log as PostgreSQL writes it, for example <c>16/B374D848</c>.</summary>
    public static bool TryParsePosition(string text, out ulong position)
    {
        position = 0;
        if (text.Split('/') is not [var high, var low]
            || !uint.TryParse(high, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var upper)
            || !uint.TryParse(low, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var lower))
            return false;
        position = ((ulong)upper << 32) | lower;
        return true;
    }

    public string ToName(long segmentBytes)
    {
        var perMiddle = BytesOfMiddle / segmentBytes;
        return string.Create(CultureInfo.InvariantCulture, $"{Timeline:X8}{Number / perMiddle:X8}{Number % perMiddle:X8}");
    }

    private static uint Hex(string digits) => uint.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
