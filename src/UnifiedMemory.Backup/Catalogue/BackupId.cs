using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.RegularExpressions;

namespace UnifiedMemory.Backup.Catalogue;

/// <summary>
/// The name of a backup, and those of its files. It tells schema, time and kind, so that listing a target is the whole catalogue.
/// </summary>
internal sealed partial record BackupId(string Schema, DateTimeOffset StartedAt, BackupKind Kind)
{
    private const string TimeFormat = "yyyyMMdd'T'HHmmssfff'Z'";

    public string Data => this + (Kind == BackupKind.Logical ? ".dump" : ".tar.gz");

    public string Manifest => this + ".manifest.json";

    public string Passed => this + ".passed.json";

    public string Failed => this + ".failed.json";

    /// <summary>What the names of all backups of a store begin with.</summary>
    public static string PrefixOf(string schema) => schema + "-";

    public static BackupId Parse(string id) => TryParse(id, out var parsed, out var rest) && rest.Length == 0
        ? parsed
        : throw new ArgumentException($"'{id}' is no backup; an id is like memories-20260301T020000123Z-logical, and ListAsync() has them.", nameof(id));

    /// <param name="name">An id, or the name of a file that begins with one.</param>
    /// <param name="id">The id.</param>
    /// <param name="rest">What follows it.</param>
    public static bool TryParse(string name, [NotNullWhen(true)] out BackupId? id, out string rest)
    {
        var match = Pattern().Match(name);
        id = null;
        rest = "";
        if (!match.Success || !DateTimeOffset.TryParseExact(
            match.Groups["time"].Value, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            return false;
        id = new BackupId(
            match.Groups["schema"].Value, time, match.Groups["kind"].Value == "logical" ? BackupKind.Logical : BackupKind.Physical);
        rest = match.Groups["rest"].Value;
        return true;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Schema}-{StartedAt.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{(Kind == BackupKind.Logical ? "logical" : "physical")}");

    [GeneratedRegex(@"\A(?<schema>[a-z0-9_]+)-(?<time>\d{8}T\d{9}Z)-(?<kind>logical|physical)(?<rest>(\..*)?)\z")]
    private static partial Regex Pattern();
}
