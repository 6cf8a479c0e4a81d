using System.Diagnostics;
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
    sets = SetFolder.LoadAll(arguments.DataDirectory);
}
catch (Exception exception) when (exception is ArgumentException or InvalidDataException or IOException)
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
    if (arguments.JsonFile is { } file)
        await ScoreFile.WriteAsync(file, scores, cancel.Token);
    return 0;
}
catch (OperationCanceledException) when (cancel.IsCancellationRequested)
{
    return 130;
}
