using System.Diagnostics;

namespace UnifiedMemory.Processes;

/// <summary>Runs a program to its end.</summary>
internal static class ChildProgram
{
    /// <param name="program">A path, or a name to look for in <c>PATH</c>.</param>
    /// <param name="arguments">Every user of the machine can read them: never a password.</param>
    /// <param name="user">The user to run as, when this process is root; <see langword="null"/> for its own.</param>
    /// <param name="cancellationToken">Kills the program.</param>
    public static async Task<ProgramResult> RunAsync(
        string program, IEnumerable<string> arguments, string? user, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // The other user may not be able to enter this process's directory.
            WorkingDirectory = "/",
        };
        if (user is not null)
            start.UserName = user;
        PrepareEnvironment(start.Environment);

        using var process = new Process { StartInfo = start };
        process.Start();
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return new ProgramResult(
            process.ExitCode, await output.ConfigureAwait(false) + await error.ConfigureAwait(false));
    }

    private static void PrepareEnvironment(IDictionary<string, string?> environment)
    {
        // PGDATA, PGPORT, PGOPTIONS and the like belong to another server, and the connection string holds its password.
        foreach (var name in environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList())
            environment.Remove(name);
        environment.Remove(Machines.Machine.ConnectionVariable);
        // Messages are compared, so they must not be translated.
        environment["LC_ALL"] = "C";
    }
}
