using System.Globalization;
using System.Text;
using System.Text.Json;
using UnifiedMemory.Backup.Catalogue;

namespace UnifiedMemory.Backup;

/// <summary>What a verification, or a restore, found.</summary>
public sealed record VerificationReport
{
    /// <summary>The backup.</summary>
    public required string Id { get; init; }

    /// <summary>Where it is kept.</summary>
    public required string Target { get; init; }

    /// <summary>When it was begun.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>How long all of it took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// How long it took until the restored store could be used: fetching, restoring and building indexes, without the checks.
    /// <c>null</c> when it came to no store.
    /// </summary>
    public TimeSpan? RecoveryTime { get; init; }

    /// <summary>The checks, in the order in which they were made. After one that the others rest on has failed, they are missing.</summary>
    public required IReadOnlyList<VerificationCheck> Checks { get; init; }

    /// <summary>Whether no check failed.</summary>
    public bool Passed => Checks.Count > 0 && Checks.All(check => check.Outcome != CheckOutcome.Failed);

    /// <summary>The checks that failed, in words; empty when none did.</summary>
    public string Failure => string.Join("; ", Checks
        .Where(check => check.Outcome == CheckOutcome.Failed).Select(check => $"{check.Name}: {check.Detail}"));

    /// <summary>The report as it is kept beside the backup.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, BackupJson.Options);

    /// <summary>The report for a person.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{(Passed ? "PASSED" : "FAILED")}  {Id} in {Target}, {StartedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, {Duration.TotalSeconds:0.0} s");
        foreach (var check in Checks)
            text.AppendLine(CultureInfo.InvariantCulture, $"  {check.Outcome,-7}  {check.Name,-12} {check.Duration.TotalSeconds,7:0.0} s  {check.Detail}");
        if (RecoveryTime is { } recovery)
            text.AppendLine(CultureInfo.InvariantCulture, $"  recovery time: {recovery.TotalSeconds:0.0} s");
        return text.ToString();
    }
}
