using BenchmarkDotNet.Running;
using UnifiedMemory.Benchmarks;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Workload;

// --rows N [N …] sets the sizes of the tables that are searched; everything else is BenchmarkDotNet's.
var arguments = args.ToList();
var rows = arguments.IndexOf("--rows");
if (rows >= 0)
{
    var sizes = arguments.Skip(rows + 1).TakeWhile(argument => int.TryParse(argument, out _)).ToList();
    SearchedTable.Sizes = [.. sizes.Select(int.Parse)];
    arguments.RemoveRange(rows, sizes.Count + 1);
}

await using var server = await BenchmarkServer.StartAsync();
if (arguments.Remove("--quick"))
{
    await QuickRun.RunAsync(arguments);
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. arguments], new BenchmarkSettings());
