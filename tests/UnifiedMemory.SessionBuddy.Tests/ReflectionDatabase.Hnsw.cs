using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace UnifiedMemory.Tests.SessionBuddy;

internal sealed partial class ReflectionDatabase
{
    private const int HeaderBytes = 3 * 4096;
    private const int BlockBytes = 262_144;
    private const int ChecksumBytes = 8;

    /// <summary>What DuckDB puts a block of its catalogue together from: 64 pieces.</summary>
    private const int PieceBytes = 4088;

    /// <summary>
    /// Gives the table an index that the catalogue names one of the kind HNSW, as Session-Buddy makes it with DuckDB's extension vss. There is no
    /// such extension here: the index is one of DuckDB's own, and its kind is overwritten in the file.
    /// https://duckdb.org/docs/stable/internals/storage
    /// </summary>
    public void AddHnswIndex(string table)
    {
        Execute($"CREATE INDEX idx_{table}_embedding ON {table} (category); CHECKPOINT;");
        var file = File.ReadAllBytes(Path);
        var kind = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xD1, 0, 3, (byte)'A', (byte)'R', (byte)'T']);
        Assert.That(kind, Is.Positive, "the catalogue names the kind of the index");
        var block = file.AsSpan(HeaderBytes + ((kind - HeaderBytes) / BlockBytes * BlockBytes), BlockBytes);
        var inBlock = (kind - HeaderBytes) % BlockBytes;
        var piece = block[inBlock..(ChecksumBytes + (((inBlock - ChecksumBytes) / PieceBytes) + 1) * PieceBytes)];
        Assert.That(piece[^1], Is.Zero, "there is room for one letter more");
        piece[6..^1].CopyTo(piece[7..]);
        ReadOnlySpan<byte> hnsw = [0xD1, 0, 4, (byte)'H', (byte)'N', (byte)'S', (byte)'W'];
        hnsw.CopyTo(piece);
        var checksum = 5381UL;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(block[ChecksumBytes..]))
            checksum ^= word * 0xbf58476d1ce4e5b9;
        BinaryPrimitives.WriteUInt64LittleEndian(block, checksum);
        File.WriteAllBytes(Path, file);
    }
}
