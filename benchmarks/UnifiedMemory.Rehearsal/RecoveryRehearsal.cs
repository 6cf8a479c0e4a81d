using System.Diagnostics;
using UnifiedMemory.Backup;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Rehearsal;

/// <summary>
/// Loads a store, backs it up both ways, and recovers it both ways, with every check of a verification, on private servers.
/// </summary>
internal static class RecoveryRehearsal
{
    private const int BlockSize = 10_000;

    private static readonly TimeSpan PhysicalTarget = TimeSpan.FromSeconds(60);

    public static async Task<bool> RunAsync(int rows, string? json)
    {
        var root = Directory.CreateTempSubdirectory("unimem-rehearsal-").FullName;
        try
        {
            return await RunAsync(rows, json, root);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task<bool> RunAsync(int rows, string? json, string root)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(root, (UnixFileMode)0b111_101_101); // the restored server's user passes through
        await using var server = await LocalPostgres.StartAsync(new LocalPostgresOptions
        {
            Settings = { ["shared_buffers"] = "2GB", ["maintenance_work_mem"] = "1GB", ["max_wal_size"] = "4GB" },
        });
        var report = new RehearsalReport(rows);
        Console.WriteLine($"{rows:N0} memories of {ClusteredVectors.Dimensions} dimensions on {Environment.ProcessorCount} cores, {server}");
        var options = new UnifiedMemoryOptions { ConnectionString = server.ConnectionString };
        options.Indexes.Threshold = 1000;
        var embeddings = new LookupEmbeddingProvider();
        await using var store = UnifiedMemoryStore.Create(options, embeddings);
        await LoadAsync(store, embeddings, rows, report);

        var backup = StoreBackup.Create(options, new BackupOptions
        {
            Target = new DirectoryBackupTarget(Path.Combine(root, "target")),
            WorkDirectory = Path.Combine(root, "work"),
        });
        var passed = true;
        foreach (var kind in new[] { BackupKind.Logical, BackupKind.Physical })
        {
            var manifest = await report.MeasureAsync($"{kind}: backup", () => backup.TakeAsync(kind), made => made.Bytes);
            var verification = await report.MeasureAsync($"{kind}: verification", () => backup.VerifyAsync(manifest.Id), _ => null);
            foreach (var check in verification.Checks)
                report.Add($"  {check.Name} ({check.Outcome})", check.Duration);
            passed &= verification.Passed;
            if (!verification.Passed)
                Console.WriteLine(verification);
            if (verification.RecoveryTime is { } recovery)
                report.Add($"{kind}: recovery, until the store answers", recovery);
            if (kind == BackupKind.Physical && verification.RecoveryTime is { } physical)
            {
                Console.WriteLine($"physical recovery under {PhysicalTarget.TotalSeconds:0} s: {(physical < PhysicalTarget ? "yes" : "NO")}");
                passed &= physical < PhysicalTarget;
            }
        }

        if (json is not null)
            await report.SaveAsync(json, $"{server}");
        return passed;
    }

    private static async Task LoadAsync(UnifiedMemoryStore store, LookupEmbeddingProvider embeddings, int rows, RehearsalReport report)
    {
        await store.MigrateAsync();
        var started = Stopwatch.GetTimestamp();
        var vectors = new ClusteredVectors(1, rows);
        for (var first = 0; first < rows; first += BlockSize)
        {
            var block = MemorySet.Create("rehearsal", first, Math.Min(BlockSize, rows - first)).ToList();
            foreach (var memory in block)
                embeddings.Add(memory.Content, vectors.Next());
            await store.StoreManyAsync(block);
            embeddings.Clear();
        }

        report.Add("(loading)", Stopwatch.GetElapsedTime(started));
        await report.MeasureAsync("(building the vector indexes)", () => store.MaintainIndexesAsync(), _ => null);
        var sizes = await store.GetStatisticsAsync();
        report.Add("(the store: table and indexes)", TimeSpan.Zero, sizes.TableBytes + sizes.IndexBytes);
    }
}
