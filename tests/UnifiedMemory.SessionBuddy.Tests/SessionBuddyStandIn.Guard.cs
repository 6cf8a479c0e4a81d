using System.Text;
using System.Text.RegularExpressions;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>What the other side does to a text before it is stored.</summary>
public sealed partial class SessionBuddyStandIn
{
    private static (string Content, string[] Tags) Screen(string content, string[] tags)
    {
        if (Encoding.UTF8.GetByteCount(content) > 10_000)
            return (content[..Math.Min(10_000, content.Length)], ["quarantine", .. tags]);
        if (Injection().IsMatch(content))
            return (content, ["quarantine", .. tags]);
        return (Email().Replace(content, "[REDACTED-EMAIL]"), tags);
    }

    [GeneratedRegex(
        """
        (?i:ignore\s+(all\s+)?previous\s+instructions?)|\bHuman:\s|\bAssistant:\s|(?i:</?(system|instruction|prompt)\s*>)|(?i:act\s+as\s+(root|admin|superuser|god\s*mode))|(?i:reveal\s+(all\s+)?(secret|password|token|key))|(?i:override\s+(all\s+)?(previous|prior|current)\s+(guideline|instruction|rule))|(?i:\[INST\]|\[/INST\]|<<SYS>>|<</SYS>>)
        """)]
    public static partial Regex Injection();

    [GeneratedRegex(@"\b[a-zA-Z0-9._%+\-]+@[a-zA-Z0-9.\-]+\.[a-zA-Z]{2,}\b")]
    private static partial Regex Email();

    [GeneratedRegex(@"\A[a-zA-Z0-9._-]{1,128}\z")]
    private static partial Regex ProjectPattern();
}
