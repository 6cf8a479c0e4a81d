using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Backup.Tests;

/// <summary>Hosts with a clock of the test's.</summary>
public abstract class HostFixture : BackupFixture
{
    /// <summary>A Sunday's.</summary>
    protected static DateTimeOffset Noon { get; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    protected IHost NewHost(TimeProvider time, Action<BackupOptions>? configure = null, ILoggerProvider? logger = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton(time);
        if (logger is not null)
            builder.Services.AddLogging(logging => logging.AddProvider(logger));
        builder.Services
            .AddUnifiedMemory(options =>
            {
                options.ConnectionString = ConnectionString;
                options.SchemaPrefix = Prefix;
                options.PurgeInterval = TimeSpan.Zero;
                options.Indexes.Interval = TimeSpan.Zero;
            })
            .UseEmbeddingProvider(_ => Embeddings)
            .AddBackup(options =>
            {
                var defaults = NewOptions();
                options.Target = defaults.Target;
                options.WorkDirectory = defaults.WorkDirectory;
                options.ScratchConnectionString = defaults.ScratchConnectionString;
                options.VerificationSchedule = null;
                configure?.Invoke(options);
            });
        builder.Services.AddHealthChecks().AddUnifiedMemoryBackup();
        return builder.Build();
    }
}
