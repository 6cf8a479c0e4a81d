using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>pg_amcheck: every page of tables and B-trees, and whether each row is in its indexes.</summary>
internal sealed class StructureCheck(PostgresPrograms programs)
{
    private const int Corrupt = 2; // https://www.postgresql.org/docs/current/app-pgamcheck.html and its source

    public async Task RunAsync(
        CheckList checks, ServerAddress address, IReadOnlyList<string> schemas, int serverMajor, bool mayInstall, CancellationToken cancellationToken)
    {
        const string name = "pg_amcheck";
        if (await programs.FindOrNullAsync(name, serverMajor, cancellationToken).ConfigureAwait(false) is not { } path)
        {
            checks.Skip(name, "this program is not on this machine");
            return;
        }

        List<string> arguments = ["--no-password", "--heapallindexed", $"--database={address.Database}", .. schemas.Select(schema => $"--schema=\"{schema}\"")];
        if (mayInstall)
            arguments.Add("--install-missing");
        var result = await ChildProgram.RunAsync(
            new ProgramCall(path, arguments) { Environment = address.ToEnvironment() }, cancellationToken).ConfigureAwait(false);
        if (result.ExitCode is 0 or Corrupt)
        {
            await checks.RunAsync(name, () => result.ExitCode == 0
                ? Task.FromResult("tables and B-trees are sound")
                : throw new CheckFailedException(result.Messages)).ConfigureAwait(false);
        }
        else
        {
            checks.Skip(name, $"it could not run: {result.Messages}");
        }
    }
}
