using System.Text;

namespace UnifiedMemory.SessionBuddy.Text;

/// <summary>Session-Buddy cuts a text off behind 10,000 bytes of UTF-8: a longer one goes in parts, which joined are the text.</summary>
internal static class ReflectionParts
{
    public const int MaxBytes = 10_000;

    public static IReadOnlyList<string> Of(string text)
    {
        if (Encoding.UTF8.GetByteCount(text) <= MaxBytes)
            return [text];
        var parts = new List<string>();
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var length = LengthOfPart(rest);
            parts.Add(rest[..length].ToString());
            rest = rest[length..];
        }

        return parts;
    }

    /// <summary>As much as fits, up to behind the last line or word of its last quarter where there is one.</summary>
    private static int LengthOfPart(ReadOnlySpan<char> text)
    {
        int length = 0, bytes = 0, afterLine = 0, afterWord = 0;
        while (length < text.Length)
        {
            Rune.DecodeFromUtf16(text[length..], out var rune, out var consumed);
            bytes += rune.Utf8SequenceLength;
            if (bytes > MaxBytes)
                return afterLine > 0 ? afterLine : afterWord > 0 ? afterWord : length;
            length += consumed;
            if (bytes < MaxBytes * 3 / 4)
                continue;
            if (rune.Value == '\n')
                afterLine = length;
            else if (Rune.IsWhiteSpace(rune))
                afterWord = length;
        }

        return length;
    }
}
