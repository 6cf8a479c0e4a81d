using System.IO.Compression;
using System.Text.Json;
using UnifiedMemory.Embeddings;
using UnifiedMemory.Exchange;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    private const int ExportPageSize = 500;

    /// <summary>
    /// Writes memories as gzipped JSON lines: a header with the version of the format and the embedding space, a line for each memory with
    /// its id, then one for each pattern and dependency of projects, and a last line that counts them. It is streamed, in the order of
    /// <see cref="ListAsync"/>; a memory that is stored meanwhile may be missing. Expired ones are left out.
    /// </summary>
    /// <remarks>
    /// The format has version 2. A library that knows version 1 alone refuses it before it stores anything, and says so; for that one,
    /// export without <see cref="ExportOptions.IncludeProjects"/>.
    /// </remarks>
    /// <param name="destination">Written to, and left open.</param>
    /// <param name="options">What is written. Default: everything, with vectors.</param>
    /// <param name="progress">Told the number of memories, after each 500.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>How many memories were written.</returns>
    /// <exception cref="ArgumentException">The filter is not valid.</exception>
    public Task<long> ExportAsync(
        Stream destination, ExportOptions? options = null, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        options ??= new ExportOptions();
        MemoryRules.RequireFilter(options.Filter);
        return Operation.RunAsync("export", async _ =>
        {
            var space = await DescribeSpaceAsync(cancellationToken).ConfigureAwait(false);
            var lines = new GZipStream(destination, CompressionLevel.Fastest, leaveOpen: true);
            await using (lines.ConfigureAwait(false))
            {
                await WriteLineAsync(lines, new ExportHeader
                {
                    Format = ExportHeader.FormatName,
                    Version = options.IncludeProjects ? ExportHeader.CurrentVersion : ExportHeader.FirstVersion,
                    CreatedAt = _time.GetUtcNow(),
                    Space = space,
                    Vectors = options.IncludeVectors,
                }, cancellationToken).ConfigureAwait(false);
                var count = 0L;
                await foreach (var page in ListAsync(options.Filter, cancellationToken).Chunk(ExportPageSize).ConfigureAwait(false))
                {
                    var vectors = options.IncludeVectors ? await _memories.GetVectorsAsync(page, cancellationToken).ConfigureAwait(false) : null;
                    foreach (var memory in page)
                    {
                        float[]? vector = null;
                        if (vectors is not null && !vectors.TryGetValue(memory.Id, out vector))
                            continue;
                        await WriteLineAsync(lines, ExportedMemory.From(memory, vector), cancellationToken).ConfigureAwait(false);
                        count++;
                    }

                    progress?.Report(count);
                }

                if (!options.IncludeProjects)
                {
                    await WriteLineAsync(lines, new { count }, cancellationToken).ConfigureAwait(false);
                    return count;
                }

                var (patterns, dependencies) = await ExportProjectsAsync(lines, options.Filter.Namespace, cancellationToken).ConfigureAwait(false);
                await WriteLineAsync(lines, new { count, patterns, dependencies }, cancellationToken).ConfigureAwait(false);
                return count;
            }
        });
    }

    /// <summary>
    /// Stores what <see cref="ExportAsync"/> wrote. Ids are kept, so that references to memories hold; a memory that this store has
    /// (equal as in <see cref="NewMemory"/>) is left as it is, with its own id, and one whose id belongs to another content here is
    /// rejected. Vectors are taken over when they are of this store's embedding space; else each memory is embedded again. When it was
    /// last updated is not kept. A pattern that this store has takes over a higher <see cref="ProjectPattern.ApplicationCount"/>, as with
    /// <see cref="StorePatternAsync"/>; a dependency that it has is left as it is. Exports of version 1 and 2 are read. Insights are not delivered to sinks: where they come from did that. It is streamed, and can be repeated.
    /// </summary>
    /// <param name="source">Read to its end, and left open.</param>
    /// <param name="progress">Told after each batch.</param>
    /// <param name="cancellationToken">Ends the call; the batches that are written stay.</param>
    /// <exception cref="InvalidDataException">It is no export, damaged or cut off; what came before that is stored.</exception>
    /// <exception cref="UnifiedMemoryException">The database or the embedding service failed. What was written before stays.</exception>
    public Task<ImportReport> ImportAsync(
        Stream source, IProgress<StoreProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Operation.RunAsync("import", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var space = await DescribeSpaceAsync(cancellationToken).ConfigureAwait(false);
            using var reader = new ExportReader(source);
            var header = await reader.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
            var takesVectors = header.HasVectorsOf(space);
            var tally = new ImportTally(progress, embedded: !takesVectors);
            var batch = new List<(long Line, PreparedMemory Memory, float[] Vector)>(_options.StoreBatchSize);
            await foreach (var (line, record) in reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (record is ExportedPattern pattern)
                    await ImportPatternAsync(line, pattern, tally, cancellationToken).ConfigureAwait(false);
                if (record is ExportedDependency dependency)
                    await ImportDependencyAsync(line, dependency, tally, cancellationToken).ConfigureAwait(false);
                if (record is not ExportedMemory exported)
                    continue;
                try
                {
                    var vector = takesVectors ? exported.ToVector() : [];
                    if (takesVectors && VectorCheck.FindFault(vector, space.Dimensions) is { } fault)
                        tally.Reject(line, fault);
                    else
                        batch.Add((line, exported.Prepare(_time, _options.MaxContentBytes), vector!));
                }
                catch (ArgumentException exception)
                {
                    tally.Reject(line, exception.Message);
                }

                if (batch.Count >= _options.StoreBatchSize)
                    await ImportBatchAsync(batch, takesVectors, tally, cancellationToken).ConfigureAwait(false);
            }

            await ImportBatchAsync(batch, takesVectors, tally, cancellationToken).ConfigureAwait(false);
            Log.Imported(_logger, tally.Report.Created, tally.Report.AlreadyStored, tally.Report.Rejected);
            return tally.Report;
        });
    }

    private async Task ImportBatchAsync(
        List<(long Line, PreparedMemory Memory, float[] Vector)> batch, bool takesVectors, ImportTally tally, CancellationToken cancellationToken)
    {
        var stored = takesVectors
            ? await _writer.WriteKnownAsync([.. batch.Select(one => (one.Memory, one.Vector))], cancellationToken).ConfigureAwait(false)
            : await _writer.WriteAsync([.. batch.Select(one => one.Memory)], cancellationToken).ConfigureAwait(false);
        tally.Add([.. batch.Select(one => one.Line)], stored);
        batch.Clear();
    }

    private static async Task WriteLineAsync<T>(Stream lines, T line, CancellationToken cancellationToken)
    {
        await JsonSerializer.SerializeAsync(lines, line, ExportJson.Options, cancellationToken).ConfigureAwait(false);
        lines.WriteByte((byte)'\n');
    }
}
