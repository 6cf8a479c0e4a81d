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

    /// <summary>An <see cref="ExportedMemory"/>, <see cref="ExportedPattern"/> or <see cref="ExportedDependency"/>, with the number of its line.</summary>
    /// <exception cref="InvalidDataException">The export is damaged, or cut off.</exception>
    public async IAsyncEnumerable<(long Line, object Record)> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (memories, patterns, dependencies) = (0L, 0L, 0L);
        for (var line = 2L; ; line++)
        {
            var text = await ReadLineAsync(line, cancellationToken).ConfigureAwait(false)
                ?? throw new InvalidDataException(Invariant($"The export is cut off after line {line - 1}. What came before it is stored; import the whole file again."));
            var memory = Parse<ExportedMemory>(line, text);
            switch (memory)
            {
                case { Record: ExportedPattern.RecordName }:
                    patterns++;
                    yield return (line, Parse<ExportedPattern>(line, text));
                    break;
                case { Record: ExportedDependency.RecordName }:
                    dependencies++;
                    yield return (line, Parse<ExportedDependency>(line, text));
                    break;
                case { Record: not null }:
                    throw new InvalidDataException(Invariant($"Line {line} of the export is a '{memory.Record}', and this library reads memories, patterns and dependencies."));
                case { Count: not null }:
                    Require("memories", memories, memory.Count);
                    Require("patterns", patterns, memory.Patterns ?? 0);
                    Require("dependencies", dependencies, memory.Dependencies ?? 0);
                    yield break;
                default:
                    memories++;
                    yield return (line, memory);
                    break;
            }
        }
    }

    public void Dispose() => _lines.Dispose();

    private static void Require(string what, long found, long? written)
    {
        if (found != written)
            throw new InvalidDataException(Invariant($"The export has {found} {what}, and {written} were written."));
    }

    private static T Parse<T>(long line, string text)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, ExportJson.Options) ?? throw new JsonException("null");
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
