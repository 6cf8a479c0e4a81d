namespace UnifiedMemory.Backup;

/// <summary>One check of a verification.</summary>
/// <param name="Name">What was looked at, for example <c>hash</c> or <c>rows</c>.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">What was found.</param>
/// <param name="Duration">How long it took.</param>
public sealed record VerificationCheck(string Name, CheckOutcome Outcome, string Detail, TimeSpan Duration);
