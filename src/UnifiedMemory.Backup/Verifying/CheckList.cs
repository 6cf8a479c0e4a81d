using Npgsql;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Makes checks and collects what they found.</summary>
internal sealed class CheckList(TimeProvider time)
{
    private readonly List<VerificationCheck> _checks = [];

    public IReadOnlyList<VerificationCheck> Checks => _checks;

    /// <summary>Why no more checks were made after one had failed; empty when nothing kept them.</summary>
    public string Interruption { get; private set; } = "";

    private bool HasFailure => _checks.Exists(check => check.Outcome == CheckOutcome.Failed);

    /// <summary>The time of the checks that are needed for recovering, too.</summary>
    public TimeSpan RecoveryTime { get; private set; }

    public bool HasPassed(string name) => _checks.Exists(check => check.Name == name && check.Outcome == CheckOutcome.Passed);

    /// <summary>Makes one check after another. What keeps the rest from being made does not undo that one has failed.</summary>
    /// <param name="checks">Makes them.</param>
    /// <returns>What it returned; <c>default</c> when it could not go on.</returns>
    public async Task<T?> RunAllAsync<T>(Func<Task<T>> checks)
    {
        try
        {
            return await checks().ConfigureAwait(false);
        }
        catch (Exception exception) when (HasFailure && exception is not OperationCanceledException)
        {
            Interruption = exception.Message;
            _checks.Add(new VerificationCheck("rest", CheckOutcome.Skipped, Interruption, TimeSpan.Zero));
            return default;
        }
    }

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
