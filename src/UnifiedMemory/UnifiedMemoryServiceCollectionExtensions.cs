using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using UnifiedMemory;
using UnifiedMemory.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers stores with a host.</summary>
public static class UnifiedMemoryServiceCollectionExtensions
{
    /// <summary>
    /// Registers <see cref="UnifiedMemoryStore"/> as a singleton, and hosted services that migrate, if asked to, purge, and deliver insights.
    /// Options are checked when the host starts.
    /// </summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="configure">Sets options.</param>
    public static UnifiedMemoryBuilder AddUnifiedMemory(
        this IServiceCollection services, Action<UnifiedMemoryOptions>? configure = null) =>
        services.AddUnifiedMemory(Options.Options.DefaultName, configure);

    /// <summary>The same, with options bound from configuration.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="configuration">The section that holds <see cref="UnifiedMemoryOptions"/>.</param>
    public static UnifiedMemoryBuilder AddUnifiedMemory(this IServiceCollection services, IConfiguration configuration) =>
        services.AddUnifiedMemory(Options.Options.DefaultName, configuration);

    /// <summary>Registers another store, as a singleton under a key.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="name">The key, for <c>[FromKeyedServices]</c>; also the name of its options.</param>
    /// <param name="configure">Sets options.</param>
    public static UnifiedMemoryBuilder AddUnifiedMemory(
        this IServiceCollection services, string name, Action<UnifiedMemoryOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        if (configure is not null)
            services.Configure(name, configure);
        return Register(services, name);
    }

    /// <summary>The same, with options bound from configuration.</summary>
    /// <param name="services">The services of the host.</param>
    /// <param name="name">The key, for <c>[FromKeyedServices]</c>; also the name of its options.</param>
    /// <param name="configuration">The section that holds <see cref="UnifiedMemoryOptions"/>.</param>
    public static UnifiedMemoryBuilder AddUnifiedMemory(this IServiceCollection services, string name, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(configuration);
        services.Configure<UnifiedMemoryOptions>(name, configuration);
        return Register(services, name);
    }

    private static UnifiedMemoryBuilder Register(IServiceCollection services, string name)
    {
        var builder = new UnifiedMemoryBuilder(services, name);
        services.AddOptions<UnifiedMemoryOptions>(name).ValidateOnStart();
        services.AddOptions<OllamaOptions>(name).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<UnifiedMemoryOptions>, OptionsRules>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<OllamaOptions>, OllamaOptionsRules>());
        services.TryAddKeyedSingleton<IEmbeddingProvider>(name, (provider, _) => builder.CreateOllama(provider));

        // A second call for the same store only adds options.
        if (services.Any(service => service.IsKeyedService && service.ServiceType == typeof(UnifiedMemoryStore) && Equals(service.ServiceKey, name)))
            return builder;

        services.AddKeyedSingleton(name, (provider, _) => UnifiedMemoryStore.Create(
            OptionsOf(provider, name),
            provider.GetRequiredKeyedService<IEmbeddingProvider>(name),
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>(),
            provider.GetKeyedServices<IInsightSink>(name),
            provider.GetKeyedService<IInsightDetector>(name)));
        if (name == Options.Options.DefaultName)
            services.AddSingleton(provider => provider.GetRequiredKeyedService<UnifiedMemoryStore>(name));
        services.AddSingleton<IHostedService>(provider => new StoreService(
            provider.GetRequiredKeyedService<UnifiedMemoryStore>(name),
            OptionsOf(provider, name),
            (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger<StoreService>(),
            provider.GetService<TimeProvider>() ?? TimeProvider.System));

        // After the other, which may migrate when it starts; so it stops before the other.
        services.AddSingleton<IHostedService>(provider => new DispatchService(
            provider.GetRequiredKeyedService<UnifiedMemoryStore>(name),
            OptionsOf(provider, name).Insights,
            provider.GetService<TimeProvider>() ?? TimeProvider.System));
        return builder;
    }

    private static UnifiedMemoryOptions OptionsOf(IServiceProvider provider, string name) =>
        provider.GetRequiredService<IOptionsMonitor<UnifiedMemoryOptions>>().Get(name);
}
