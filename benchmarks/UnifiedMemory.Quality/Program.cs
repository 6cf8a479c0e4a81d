using System.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;
using UnifiedMemory;
using UnifiedMemory.Quality;
using UnifiedMemory.Quality.Reporting;
using UnifiedMemory.Quality.Running;
using UnifiedMemory.Quality.Sets;

// How well the library finds what answers a question, on real questions with known answers. See benchmarks/README.md.
var started = Stopwatch.GetTimestamp();
QualityArguments arguments;
IReadOnlyList<RetrievalSet> sets;
try
{
    arguments = QualityArguments.Parse(args);
    sets = Answerable(SetFolder.LoadAll(arguments.DataDirectory));

    // Where it cannot be written, that is known before anything is measured.
    await WriteScoresAsync([], CancellationToken.None);
}
catch (Exception exception) when (exception is ArgumentException or InvalidDataException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

using var cancel = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    // The schema is dropped on the way out.
    pressed.Cancel = true;
    cancel.Cancel();
};

try
{
    await using var server = await LocalPostgres.StartAsync(cancellationToken: cancel.Token);
    var scores = new List<Score>();
    foreach (var set in sets)
    {
        var scored = await QualityRun.RunAsync(set, server.ConnectionString, cancel.Token);
        scores.AddRange(scored);
        ScoreTable.Write(set, scored);
    }

    TargetTable.Write(sets, scores);
    Console.WriteLine($"{server}; {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s.");
    await WriteScoresAsync(scores, cancel.Token);
    return 0;
}
catch (OperationCanceledException) when (cancel.IsCancellationRequested)
{
    return 130;
}
catch (Exception exception) when (
    exception is InvalidDataException or ArgumentException or OptionsValidationException or UnifiedMemoryException or NpgsqlException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

static IReadOnlyList<RetrievalSet> Answerable(IReadOnlyList<RetrievalSet> sets)
{
    foreach (var empty in sets.Where(set => set.Questions.Count == 0))
        Console.Error.WriteLine($"The set '{empty.Name}' has no question with evidence, and is left out.");
    var answerable = sets.Where(set => set.Questions.Count > 0).ToList();
    return answerable.Count > 0 ? answerable : throw new InvalidDataException("There is no set to measure.");
}

Task WriteScoresAsync(IReadOnlyList<Score> scores, CancellationToken token) =>
    arguments.JsonFile is { } file ? ScoreFile.WriteAsync(file, scores, token) : Task.CompletedTask;
