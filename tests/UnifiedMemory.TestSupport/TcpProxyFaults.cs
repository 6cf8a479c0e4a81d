namespace UnifiedMemory.TestSupport;

/// <summary>What a <see cref="TcpProxy"/> does wrong at the moment.</summary>
internal sealed record TcpProxyFaults
{
    public bool Refuse { get; init; }

    public TimeSpan Delay { get; init; }

    public bool BlackHole { get; init; }

    public ByteAllowance? ServerBytes { get; init; }

    public ByteTrigger? ClientBytes { get; init; }

    public ByteTrigger? AnswerBytes { get; init; }

    /// <summary>A number of bytes for each connection; a new object starts to count anew.</summary>
    internal sealed class ByteAllowance
    {
        public required long PerConnection { get; init; }
    }

    /// <summary>Bytes to look for, and how often to act when they are found.</summary>
    internal sealed class ByteTrigger(byte[] pattern, int times)
    {
        private int _left = times;

        /// <summary>Looks into what the connection's last chunk left and this one.</summary>
        public bool Fires(ref byte[] tail, ReadOnlySpan<byte> chunk)
        {
            byte[] seen = [.. tail, .. chunk];
            tail = seen[^Math.Min(pattern.Length - 1, seen.Length)..];
            return seen.AsSpan().IndexOf(pattern) >= 0 && Interlocked.Decrement(ref _left) >= 0;
        }
    }
}
