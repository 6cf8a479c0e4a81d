using System.Diagnostics;

namespace UnifiedMemory.Backup.Programs;

/// <summary>Runs a program to its end, and ends all of it when the caller gives up.</summary>
internal static class ChildProgram
{
    public static async Task<ProgramResult> RunAsync(ProgramCall call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var process = new Process { StartInfo = StartOf(call) };
        process.Start();
        process.StandardInput.Close();
        try
        {
            // Reading a pipe is not interrupted by a token; the end of the process ends it.
            var killing = cancellationToken.Register(() => Kill(process));
            await using (killing.ConfigureAwait(false))
            {
                var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
                var output = "";
                if (call.ReadOutput is { } read)
                    await read(process.StandardOutput.BaseStream, cancellationToken).ConfigureAwait(false);
                else
                    output = await process.StandardOutput.ReadToEndAsync(CancellationToken.None).ConfigureAwait(false);
                var messages = output + await error.ConfigureAwait(false);
                await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                return new ProgramResult(process.ExitCode, messages.Trim());
            }
        }
        catch
        {
            Kill(process);
            await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// The whole tree: Debian's programs in /usr/bin are wrappers. (A program that writes to a pipe also ends when this process
    /// is killed, as nobody reads the pipe any more.)
    /// </summary>
    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }

    private static ProcessStartInfo StartOf(ProgramCall call)
    {
        var start = new ProcessStartInfo(call.Path, call.Arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Another user may not be able to enter this process's directory.
            WorkingDirectory = "/",
        };
        if (call.User is not null)
            start.UserName = call.User;

        // PGPORT, PGOPTIONS and the like belong to another server. The file with passwords may be meant for this one.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal) && name != "PGPASSFILE").ToList())
            start.Environment.Remove(name);
        start.Environment.Remove("UNIFIED_MEMORY_CONNECTION");
        start.Environment["LC_ALL"] = "C"; // messages are read
        foreach (var (name, value) in call.Environment)
            start.Environment[name] = value;
        return start;
    }
}
