using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>pg_amcheck: every page of tables and B-trees, and whether each row is in its indexes.</summary>
internal sealed class StructureCheck(PostgresPrograms programs)
{
    private const string Name = "pg_amcheck";

    private const int Corrupt = 2; // https://www.postgresql.org/docs/current/app-pgamcheck.html and its source

    /// <summary>Its functions are for superusers, and the role of backups need not be one. The system's own message begins with a capital letter.</summary>
    private const string Refusal = "permission denied";

    private const string Indent = "    ";

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
                _ when IsRefused(result.Messages) => throw new CheckSkippedException($"it may not: {result.Messages}"),
                Corrupt => throw CheckFaults.Of(result with { Messages = WithoutRefusals(result.Messages) }, result.Messages),
                _ => throw (CheckFaults.Of(result, $"it could not run: {result.Messages}") is MissingPrerequisiteException fault
                    ? fault : new CheckSkippedException($"it could not run: {result.Messages}")),
            };
        });

    /// <summary>Whether that is all: what it finds is indented below where, and a refusal beside damage does not hide it.</summary>
    private static bool IsRefused(string messages) =>
        messages.Contains(Refusal, StringComparison.Ordinal) && !WithoutRefusals(messages).Contains('\n' + Indent, StringComparison.Ordinal);

    private static string WithoutRefusals(string messages) =>
        string.Join('\n', messages.Split('\n').Where(line => !line.Contains(Refusal, StringComparison.Ordinal)));
}
