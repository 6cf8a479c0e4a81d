using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>pg_amcheck: every page of tables and B-trees, and whether each row is in its indexes.</summary>
internal sealed class StructureCheck(PostgresPrograms programs)
{
    private const string Name = "pg_amcheck";

    private const int Corrupt = 2; // https://www.postgresql.org/docs/current/app-pgamcheck.html and its source

    public Task RunAsync(
        CheckList checks, ServerAddress address, IReadOnlyList<string> schemas, int serverMajor, bool mayInstall, CancellationToken cancellationToken) =>
        checks.RunAsync(Name, async () =>
        {
            var path = await programs.FindOrNullAsync(Name, serverMajor, cancellationToken).ConfigureAwait(false)
                ?? throw new CheckSkippedException("this program is not on this machine");
            List<string> arguments = ["--no-password", "--heapallindexed", $"--database={address.Database}", .. schemas.Select(schema => $"--schema=\"{schema}\"")];
            if (mayInstall)
                arguments.Add("--install-missing");
            var result = await ChildProgram.RunAsync(
                new ProgramCall(path, arguments) { Environment = address.ToEnvironment() }, cancellationToken).ConfigureAwait(false);
            return result.ExitCode switch
            {
                0 => "tables and B-trees are sound",

                // Its functions are for superusers, and the role of backups need not be one. (The system's message begins with a capital letter.)
                _ when result.Messages.Contains("permission denied", StringComparison.Ordinal) => throw new CheckSkippedException($"it may not: {result.Messages}"),
                Corrupt => throw CheckFaults.Of(result, result.Messages),
                _ => throw (CheckFaults.Of(result, $"it could not run: {result.Messages}") is MissingPrerequisiteException fault
                    ? fault : new CheckSkippedException($"it could not run: {result.Messages}")),
            };
        });
}
