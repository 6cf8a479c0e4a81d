using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using UnifiedMemory;
using UnifiedMemory.SessionBuddy;
using UnifiedMemory.SessionBuddy.Hosting;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Session-Buddy as a sink of insights.</summary>
public static class SessionBuddyBuilderExtensions
{
    /// <summary>
    /// Delivers the store's insights to Session-Buddy. Options are checked when the host starts. A second call for the same store
    /// only adds options.
    /// </summary>
    /// <param name="builder">The store that is being registered.</param>
    /// <param name="configure">Sets options.</param>
    public static UnifiedMemoryBuilder AddSessionBuddy(this UnifiedMemoryBuilder builder, Action<SessionBuddyOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (configure is not null)
            builder.Services.Configure(builder.Name, configure);
        return Register(builder);
    }

    /// <summary>The same, with options bound from configuration.</summary>
    /// <param name="builder">The store that is being registered.</param>
    /// <param name="configuration">The section that holds <see cref="SessionBuddyOptions"/>.</param>
    public static UnifiedMemoryBuilder AddSessionBuddy(this UnifiedMemoryBuilder builder, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configuration);
        builder.Services.Configure<SessionBuddyOptions>(builder.Name, configuration);
        return Register(builder);
    }

    private static UnifiedMemoryBuilder Register(UnifiedMemoryBuilder builder)
    {
        var (services, name) = (builder.Services, builder.Name);
        services.AddOptions<SessionBuddyOptions>(name).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<SessionBuddyOptions>, SessionBuddyOptionsRules>());
        if (services.Any(service => service.IsKeyedService && service.ServiceType == typeof(SessionBuddySink) && Equals(service.ServiceKey, name)))
            return builder;

        services.AddKeyedSingleton(name, (provider, _) => new SessionBuddySink(
            OptionsOf(provider, name), provider.GetService<ILoggerFactory>(), provider.GetService<TimeProvider>()));
        builder.AddInsightSink(provider => provider.GetRequiredKeyedService<SessionBuddySink>(name));
        services.AddSingleton<IHostedService>(provider => new ProjectExport(
            provider.GetRequiredKeyedService<UnifiedMemoryStore>(name),
            OptionsOf(provider, name),
            provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance,
            provider.GetService<TimeProvider>() ?? TimeProvider.System));
        return builder;
    }

    private static SessionBuddyOptions OptionsOf(IServiceProvider provider, string name) =>
        provider.GetRequiredService<IOptionsMonitor<SessionBuddyOptions>>().Get(name);
}
