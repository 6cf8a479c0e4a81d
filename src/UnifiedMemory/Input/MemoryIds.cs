using System.Buffers.Binary;

namespace UnifiedMemory.Input;

/// <summary>
/// Ids in the order of their making: version 7 of RFC 9562, with the time to a 4,096th of a millisecond (section 6.2, method 3).
/// Each is larger than the one before, also when they are made at the same instant or the clock is set back.
/// </summary>
internal sealed class MemoryIds
{
    private const int FractionBits = 12;

    private long _newest;

    /// <summary>The one of the process, so that the order holds across its stores.</summary>
    public static MemoryIds Shared { get; } = new();

    /// <summary>Makes the next id.</summary>
    /// <param name="now">The time that it tells, unless a newer one was told before.</param>
    public Guid Next(DateTimeOffset now)
    {
        var time = Advance(FromTicks(now.UtcTicks - DateTime.UnixEpoch.Ticks));

        // A version 4 has the variant and 62 random bits where a version 7 has them.
        Span<byte> bytes = stackalloc byte[16];
        Guid.NewGuid().TryWriteBytes(bytes, bigEndian: true, out _);
        var milliseconds = (ulong)time >> FractionBits;
        var fraction = (ulong)time & ((1UL << FractionBits) - 1);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (milliseconds << 16) | 0x7000 | fraction);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>
    /// An id before the next one that is made: the same instant, then the number. For what belongs to a memory and is made while
    /// others after it have their ids already.
    /// </summary>
    /// <param name="id">The memory's id.</param>
    /// <param name="number">0 to 255, larger for the later.</param>
    public static Guid Within(Guid id, int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        Span<byte> random = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        Guid.NewGuid().TryWriteBytes(random, bigEndian: true, out _);

        // The variant and the six bits after it are above the number in the order of ids: the same for all of a memory.
        random[9] = (byte)number;
        random[8] = 0x80;
        bytes[..8].CopyTo(random);
        return new Guid(random, bigEndian: true);
    }

    /// <summary>4,096ths of a millisecond.</summary>
    private static long FromTicks(long ticks)
    {
        var (milliseconds, rest) = Math.DivRem(ticks, TimeSpan.TicksPerMillisecond);
        return (milliseconds << FractionBits) + (rest << FractionBits) / TimeSpan.TicksPerMillisecond;
    }

    /// <summary>Takes the first free 4,096th of a millisecond from this one on.</summary>
    private long Advance(long time)
    {
        var newest = Volatile.Read(ref _newest);
        while (true)
        {
            var next = Math.Max(time, newest + 1);
            var seen = Interlocked.CompareExchange(ref _newest, next, newest);
            if (seen == newest)
                return next;
            newest = seen;
        }
    }
}
