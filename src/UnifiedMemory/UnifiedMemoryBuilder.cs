using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace UnifiedMemory;

/// <summary>Configures a store that is being registered. Made by <c>services.AddUnifiedMemory()</c>.</summary>
public sealed class UnifiedMemoryBuilder
{
    internal UnifiedMemoryBuilder(IServiceCollection services, string name)
    {
        Services = services;
        Name = name;
    }

    /// <summary>The services of the host.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The store's key; empty for the store without a key. Also the name of its options.</summary>
    public string Name { get; }

    /// <summary>Changes the options, after what <c>AddUnifiedMemory</c> was given.</summary>
    /// <param name="configure">Sets options.</param>
    public UnifiedMemoryBuilder Configure(Action<UnifiedMemoryOptions> configure)
    {
        Services.Configure(Name, configure);
        return this;
    }

    /// <summary>Embeds with a provider of the host's, made by the container once for this store. Default: Ollama.</summary>
    /// <typeparam name="T">The provider.</typeparam>
    public UnifiedMemoryBuilder UseEmbeddingProvider<T>()
        where T : class, IEmbeddingProvider =>
        UseEmbeddingProvider(static services => ActivatorUtilities.CreateInstance<T>(services));

    /// <summary>Embeds with a provider of the host's.</summary>
    /// <param name="factory">Makes the provider, once for this store. The container disposes of it.</param>
    public UnifiedMemoryBuilder UseEmbeddingProvider(Func<IServiceProvider, IEmbeddingProvider> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Services.RemoveAllKeyed<IEmbeddingProvider>(Name);
        Services.AddKeyedSingleton(Name, (services, _) => factory(services));
        return this;
    }

    /// <summary>Embeds with the generator of <c>Microsoft.Extensions.AI</c> that the host has registered.</summary>
    /// <param name="model">The model's name; <c>null</c> to ask the generator.</param>
    /// <param name="dimensions">Numbers in a vector; <c>null</c> to ask the generator.</param>
    public UnifiedMemoryBuilder UseEmbeddingGenerator(string? model = null, int? dimensions = null) =>
        UseEmbeddingProvider(services => new GeneratorEmbeddingProvider(
            services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>(), model, dimensions));

    /// <summary>Embeds with Ollama, which is the default, with other options than the default ones.</summary>
    /// <param name="configure">Sets options.</param>
    public UnifiedMemoryBuilder UseOllama(Action<OllamaOptions>? configure = null)
    {
        if (configure is not null)
            Services.Configure(Name, configure);
        return UseEmbeddingProvider(CreateOllama);
    }

    /// <summary>Embeds with Ollama, with options bound from configuration.</summary>
    /// <param name="configuration">The section that holds <see cref="OllamaOptions"/>.</param>
    public UnifiedMemoryBuilder UseOllama(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Services.Configure<OllamaOptions>(Name, configuration);
        return UseEmbeddingProvider(CreateOllama);
    }

    /// <summary>Delivers the store's insights to a system of the host's, made by the container once for this store. Any number can be added.</summary>
    /// <typeparam name="T">The sink.</typeparam>
    public UnifiedMemoryBuilder AddInsightSink<T>()
        where T : class, IInsightSink =>
        AddInsightSink(static services => ActivatorUtilities.CreateInstance<T>(services));

    /// <summary>Delivers the store's insights to a system of the host's. Any number can be added; each has a name of its own.</summary>
    /// <param name="factory">Makes the sink, once for this store. The container disposes of it.</param>
    public UnifiedMemoryBuilder AddInsightSink(Func<IServiceProvider, IInsightSink> factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Services.AddKeyedSingleton(Name, (services, _) => factory(services));
        return this;
    }

    /// <summary>Finds insights with a detector of the host's, made by the container. Default: <see cref="DelimitedInsightDetector"/>.</summary>
    /// <typeparam name="T">The detector.</typeparam>
    public UnifiedMemoryBuilder UseInsightDetector<T>()
        where T : class, IInsightDetector
    {
        Services.RemoveAllKeyed<IInsightDetector>(Name);
        Services.AddKeyedSingleton<IInsightDetector>(Name, static (services, _) => ActivatorUtilities.CreateInstance<T>(services));
        return this;
    }

    internal IEmbeddingProvider CreateOllama(IServiceProvider services) => new OllamaEmbeddingProvider(
        services.GetRequiredService<IOptionsMonitor<OllamaOptions>>().Get(Name),
        timeProvider: services.GetService<TimeProvider>(),
        logger: services.GetService<Microsoft.Extensions.Logging.ILogger<OllamaEmbeddingProvider>>());
}
