using System.Globalization;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace UnifiedMemory.Exchange;

/// <summary>Reads an export line by line.</summary>
internal sealed class ExportReader(Stream source) : IDisposable
{
    private readonly StreamReader _lines = new(
        new GZipStream(source, CompressionMode.Decompress, leaveOpen: true), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));

    public async Task<ExportHeader> ReadHeaderAsync(CancellationToken cancellationToken) =>
        ExportHeader.Parse(await ReadLineAsync(1, cancellationToken).ConfigureAwait(false));

    /// <summary>The memories with the numbers of their lines.</summary>
    /// <exception cref="InvalidDataException">The export is damaged, or cut off.</exception>
    public async IAsyncEnumerable<(long Line, ExportedMemory Memory)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var line = 2L; ; line++)
        {
            var text = await ReadLineAsync(line, cancellationToken).ConfigureAwait(false)
                ?? throw new InvalidDataException(Invariant($"The export is cut off after line {line - 1}. What came before it is stored; import the whole file again."));
            var memory = Parse(line, text);
            if (memory.Count is not { } count)
            {
                yield return (line, memory);
                continue;
            }

            if (count != line - 2)
                throw new InvalidDataException(Invariant($"The export has {line - 2} memories, and {count} were written."));
            yield break;
        }
    }

    public void Dispose() => _lines.Dispose();

    private static ExportedMemory Parse(long line, string text)
    {
        try
        {
            return JsonSerializer.Deserialize<ExportedMemory>(text, ExportJson.Options) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            // Its message tells a place, and no content.
            throw new InvalidDataException(Invariant($"Line {line} of the export cannot be read: {exception.Path} at byte {exception.BytePositionInLine}."));
        }
    }

    private async Task<string?> ReadLineAsync(long line, CancellationToken cancellationToken)
    {
        try
        {
            return await _lines.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is InvalidDataException or DecoderFallbackException or EndOfStreamException)
        {
            throw new InvalidDataException(Invariant($"The export is damaged at line {line}: {exception.GetType().Name}."), exception);
        }
    }

    private static string Invariant(FormattableString message) => message.ToString(CultureInfo.InvariantCulture);
}
