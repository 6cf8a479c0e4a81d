using System.Globalization;

namespace UnifiedMemory.Backup.Physical;

/// <summary>
/// What tells whoever removes old log that a base backup needs it from a place on. A server that archives puts one into the archive, a while
/// after the backup; one whose log is received with pg_receivewal does not.
/// </summary>
internal static class BackupMarker
{
    /// <summary>What the label of the backup follows.</summary>
    public const string LabelLine = "LABEL: ";

    /// <summary>Never over one that is there, and named as PostgreSQL's.</summary>
    /// <param name="archive">The archive of the log.</param>
    /// <param name="firstFile">The first segment that the backup needs.</param>
    /// <param name="offset">The place in that segment where it was begun.</param>
    /// <param name="label">The label of the backup.</param>
    public static void Write(string archive, string firstFile, int offset, string label)
    {
        var path = Path.Combine(archive, string.Create(CultureInfo.InvariantCulture, $"{firstFile}.{offset:X8}.backup"));
        if (File.Exists(path))
            return;

        // Whoever reads it half-written takes it for somebody else's, and keeps the log.
        using var file = new StreamWriter(new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read));
        file.Write(string.Create(CultureInfo.InvariantCulture, $"{LabelLine}{label}\n"));
    }
}
