using BenchmarkDotNet.Running;
using UnifiedMemory.Benchmarks;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Workload;

var arguments = args.ToList();
Func<Task> run;
try
{
    run = arguments.Contains("--filter") ? PrepareBenchmarks(arguments) : await PrepareLoadAsync(arguments);
}
catch (Exception exception) when (exception is ArgumentException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

await using var server = await BenchmarkServer.StartAsync();
await run();
return 0;

static async Task<Func<Task>> PrepareLoadAsync(List<string> arguments)
{
    var options = LoadOptions.Parse(arguments);
    var report = new Report(options.Output);

    // Where it cannot be written, that is known before anything is measured.
    await report.SaveAsync(options.Json);
    return () => LoadRun.RunAsync(options, report);
}

// --rows N [N …] sets the sizes of the tables that are searched; everything else is BenchmarkDotNet's.
static Func<Task> PrepareBenchmarks(List<string> arguments)
{
    var rows = arguments.IndexOf("--rows");
    if (rows >= 0)
    {
        var sizes = arguments.Skip(rows + 1).TakeWhile(argument => !argument.StartsWith('-')).ToList();
        if (sizes.Count == 0)
            throw new ArgumentException($"--rows needs a value.\n{LoadOptions.Usage}");
        SearchedTable.Sizes = [.. sizes.Select(LoadOptions.ParseRows)];
        arguments.RemoveRange(rows, sizes.Count + 1);
    }

    return () =>
    {
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. arguments], new BenchmarkSettings());
        return Task.CompletedTask;
    };
}
