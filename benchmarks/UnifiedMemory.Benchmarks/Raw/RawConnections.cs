using Npgsql;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>A data source with the settings that serve raw Npgsql best: pooled, prepared after two uses, nothing to reset.</summary>
internal static class RawConnections
{
    public static NpgsqlDataSource Create()
    {
        var builder = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder(BenchmarkServer.ConnectionString)
        {
            MaxAutoPrepare = 100,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true,
            MaxPoolSize = 20,
        }.ConnectionString);
        builder.UseVector();
        return builder.Build();
    }
}
