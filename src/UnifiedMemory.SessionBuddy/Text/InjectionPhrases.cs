using System.Text;
using System.Text.RegularExpressions;

namespace UnifiedMemory.SessionBuddy.Text;

/// <summary>
/// Session-Buddy puts a text that holds what looks like an instruction to a model into quarantine. An insight may speak of such
/// phrases: a word joiner (U+2060, no width, no white space) after the first character of each keeps it readable and no
/// longer the phrase. Word joiners of the text itself are doubled, so the way back has one reading.
/// </summary>
internal static partial class InjectionPhrases
{
    private const char Joiner = '\u2060';

    public static string Neutralize(string text) => Phrase().Replace(
        text.Replace("\u2060", "\u2060\u2060", StringComparison.Ordinal),
        static match => $"{match.Value[0]}{Joiner}{match.Value[1..]}");

    /// <summary>The text as it was: two word joiners are one, one is none.</summary>
    public static string Restore(string text)
    {
        if (!text.Contains(Joiner, StringComparison.Ordinal))
            return text;
        var restored = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != Joiner)
                restored.Append(text[i]);
            else if (i + 1 < text.Length && text[i + 1] == Joiner)
                restored.Append(text[i++]);
        }

        return restored.ToString();
    }

    // Session-Buddy's own list, without its word boundaries: .NET and Python disagree on what a word is, and too much does no
    // harm. U+001C to U+001F are white space for Python alone.
    [GeneratedRegex(
        """
        ignore[\s\x1c-\x1f]+(all[\s\x1c-\x1f]+)?previous[\s\x1c-\x1f]+instruction
        | (Human|Assistant):[\s\x1c-\x1f]
        | </?(system|instruction|prompt)[\s\x1c-\x1f]*>
        | act[\s\x1c-\x1f]+as[\s\x1c-\x1f]+(root|admin|superuser|god[\s\x1c-\x1f]*mode)
        | reveal[\s\x1c-\x1f]+(all[\s\x1c-\x1f]+)?(secret|password|token|key)
        | override[\s\x1c-\x1f]+(all[\s\x1c-\x1f]+)?(previous|prior|current)[\s\x1c-\x1f]+(guideline|instruction|rule)
        | \[/?INST\] | <</?SYS>>
        """,
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Phrase();
}
