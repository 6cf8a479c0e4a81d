using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Dumping;

/// <summary>Lets a program write a file of a target, hashed on the way.</summary>
internal static class ProgramOutput
{
    private const int BufferSize = 1 << 20;

    /// <exception cref="UnifiedMemoryException">The program failed, and nothing was kept.</exception>
    public static async Task<(long Bytes, string Sha256, string Messages)> KeepAsync(
        IBackupTarget target, string name, ProgramCall call, Action<long> onBytes, CancellationToken cancellationToken)
    {
        (long, string, string) kept = default;
        await target.WriteAsync(name, async (stream, token) =>
        {
            var measured = new MeasuredStream(stream, onBytes);
            await using (measured.ConfigureAwait(false))
            {
                var result = await ChildProgram.RunAsync(
                    call with { ReadOutput = (output, reading) => output.CopyToAsync(measured, BufferSize, reading) }, token).ConfigureAwait(false);
                if (result.ExitCode != 0)
                {
                    throw new UnifiedMemoryException(
                        "backup", $"{Path.GetFileName(call.Path)} failed with {result.ExitCode}, and nothing was kept: {result.Messages}", isTransient: false);
                }

                kept = (measured.Bytes, measured.Sha256(), result.Messages);
            }
        }, cancellationToken).ConfigureAwait(false);
        return kept;
    }
}
