using System.Globalization;
using BenchmarkDotNet.Running;
using UnifiedMemory.Benchmarks;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Workload;

var arguments = args.ToList();
if (!arguments.Contains("--filter"))
{
    LoadOptions options;
    try
    {
        options = LoadOptions.Parse(arguments);
    }
    catch (Exception exception) when (exception is ArgumentException or FormatException)
    {
        await Console.Error.WriteLineAsync(exception.Message);
        return 2;
    }

    await using var server = await BenchmarkServer.StartAsync();
    await LoadRun.RunAsync(options);
    return 0;
}

// --rows N [N …] sets the sizes of the tables that are searched; everything else is BenchmarkDotNet's.
var rows = arguments.IndexOf("--rows");
if (rows >= 0)
{
    var sizes = arguments.Skip(rows + 1).TakeWhile(argument => int.TryParse(argument, out _)).ToList();
    SearchedTable.Sizes = [.. sizes.Select(size => int.Parse(size, CultureInfo.InvariantCulture))];
    arguments.RemoveRange(rows, sizes.Count + 1);
}

await using var measured = await BenchmarkServer.StartAsync();
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. arguments], new BenchmarkSettings());
return 0;
