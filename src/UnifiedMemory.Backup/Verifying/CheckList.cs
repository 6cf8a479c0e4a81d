using Npgsql;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Makes checks and collects what they found.</summary>
internal sealed class CheckList(TimeProvider time)
{
    private readonly List<VerificationCheck> _checks = [];

    public IReadOnlyList<VerificationCheck> Checks => _checks;

    /// <summary>The time of the checks that are needed for recovering, too.</summary>
    public TimeSpan RecoveryTime { get; private set; }

    /// <param name="name">What is looked at.</param>
    /// <param name="check">Returns what was found, or throws.</param>
    /// <param name="recovers">Whether whoever recovers does this, too.</param>
    /// <returns>False when it failed.</returns>
    /// <exception cref="UnifiedMemoryException">It could not be made, which is no failure of the backup.</exception>
    public async Task<bool> RunAsync(string name, Func<Task<string>> check, bool recovers = false)
    {
        var started = time.GetTimestamp();
        var outcome = CheckOutcome.Passed;
        string detail;
        try
        {
            detail = await check().ConfigureAwait(false);
        }
        catch (Exception exception) when (CheckFaults.IsOfSurroundings(exception))
        {
            throw new UnifiedMemoryException(
                "verify", $"The check '{name}' could not be made, and says nothing about the backup: {exception.Message}",
                exception is not MissingPrerequisiteException, exception);
        }
        catch (Exception exception) when (exception is CheckFailedException or UnifiedMemoryException or PostgresException)
        {
            outcome = CheckOutcome.Failed;
            detail = exception.Message;
        }
        catch (CheckSkippedException exception)
        {
            outcome = CheckOutcome.Skipped;
            detail = exception.Message;
        }

        var duration = time.GetElapsedTime(started);
        if (recovers)
            RecoveryTime += duration;
        _checks.Add(new VerificationCheck(name, outcome, detail, duration));
        return outcome == CheckOutcome.Passed;
    }
}
