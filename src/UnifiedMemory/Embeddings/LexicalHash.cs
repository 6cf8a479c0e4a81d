using System.Text;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// A 64-bit hash that is the same in every process and on every platform: FNV-1a over UTF-8
/// (http://www.isthe.com/chongo/tech/comp/fnv/), finished with the mixer of MurmurHash3, because the low bits of FNV-1a
/// alone are poorly spread for short words.
/// </summary>
internal static class LexicalHash
{
    private const ulong OffsetBasis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    /// <summary>Hashes the characters. The seed keeps different kinds of features apart.</summary>
    public static ulong Compute(ReadOnlySpan<char> characters, byte seed)
    {
        var hash = (OffsetBasis ^ seed) * Prime;
        Span<byte> utf8 = stackalloc byte[4];
        for (var i = 0; i < characters.Length;)
        {
            if (characters[i] < 0x80)
            {
                hash = (hash ^ characters[i++]) * Prime;
                continue;
            }

            // A lone surrogate decodes to U+FFFD.
            Rune.DecodeFromUtf16(characters[i..], out var rune, out var consumed);
            foreach (var unit in utf8[..rune.EncodeToUtf8(utf8)])
                hash = (hash ^ unit) * Prime;
            i += consumed;
        }

        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
