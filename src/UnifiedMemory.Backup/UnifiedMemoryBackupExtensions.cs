using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using UnifiedMemory;
using UnifiedMemory.Backup;
using UnifiedMemory.Backup.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the backups of a store with a host.</summary>
public static class UnifiedMemoryBackupExtensions
{
    /// <summary>
    /// Registers <see cref="StoreBackup"/> as a singleton, under the key of the store, and a hosted service that makes backups by
    /// schedule. Options are checked when the host starts.
    /// </summary>
    /// <param name="builder">The store.</param>
    /// <param name="configure">Sets options.</param>
    public static UnifiedMemoryBuilder AddBackup(this UnifiedMemoryBuilder builder, Action<BackupOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        var (services, name) = (builder.Services, builder.Name);
        services.Configure(name, configure);

        // A second call for the same store only adds options.
        if (services.Any(service => service.IsKeyedService && service.ServiceType == typeof(StoreBackup) && Equals(service.ServiceKey, name)))
            return builder;
        services.AddKeyedSingleton(name, (provider, _) => StoreBackup.Create(
            provider.GetRequiredService<IOptionsMonitor<UnifiedMemoryOptions>>().Get(name),
            provider.GetRequiredService<IOptionsMonitor<BackupOptions>>().Get(name),
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>()));
        if (name == Options.Options.DefaultName)
            services.TryAddSingleton(provider => provider.GetRequiredKeyedService<StoreBackup>(name));
        services.AddSingleton<IHostedService>(provider => new BackupService(
            provider.GetRequiredKeyedService<StoreBackup>(name),
            (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger<BackupService>(),
            provider.GetService<TimeProvider>() ?? TimeProvider.System));
        return builder;
    }

    /// <summary>
    /// Of each kind that is scheduled or there: unhealthy when the newest verification failed or no backup is verified; degraded when the
    /// newest verified one is older than <see cref="BackupOptions.StaleAfter"/>. It lists the target; it does not read it.
    /// </summary>
    /// <param name="builder">The health checks of the host.</param>
    /// <param name="storeName">The key of the store; empty for the one without a key.</param>
    public static IHealthChecksBuilder AddUnifiedMemoryBackup(this IHealthChecksBuilder builder, string storeName = "")
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(storeName);
        return builder.Add(new HealthCheckRegistration(
            storeName.Length == 0 ? "unifiedmemory-backup" : $"unifiedmemory-backup-{storeName}",
            provider => new BackupHealthCheck(
                provider.GetRequiredKeyedService<StoreBackup>(storeName), provider.GetService<TimeProvider>() ?? TimeProvider.System),
            failureStatus: null, tags: null));
    }
}
