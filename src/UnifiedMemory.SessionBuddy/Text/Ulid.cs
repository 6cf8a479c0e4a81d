using System.Buffers.Binary;

namespace UnifiedMemory.SessionBuddy.Text;

/// <summary>
/// The 128 bits of an id as a ULID: 26 characters of Crockford's base 32. An id of version 7 begins with the same 48 bits of
/// milliseconds as a ULID, so the result sorts and tells the time as one, and the same memory has the same row id for ever.
/// https://github.com/ulid/spec
/// </summary>
internal static class Ulid
{
    private const string Digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private const int Length = 26;

    public static string From(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        var bits = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        Span<char> text = stackalloc char[Length];
        for (var i = Length - 1; i >= 0; i--, bits >>= 5)
            text[i] = Digits[(int)(bits & 31)];
        return new string(text);
    }
}
