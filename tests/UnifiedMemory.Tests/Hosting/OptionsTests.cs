using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using UnifiedMemory.Tests.Insights;

namespace UnifiedMemory.Tests.Hosting;

public sealed class OptionsTests
{
    private static readonly string[] EveryMistake =
    [
        "ConnectionString is empty", "SchemaPrefix is 'Bad Prefix'", "ApplicationName is ''", "MaxPoolSize is 0", "MinPoolSize is 5",
        "MaxContentBytes is 0", "StoreBatchSize is 0", "QueryCacheSize is -1", "MigrateOnStart is 9", "AcquisitionTimeout is 00:00:00",
        "ConnectionLifetime is 00:00:00", "CommandTimeout is 00:00:00", "RetryBudget is -00:00:01", "PurgeInterval is -00:00:01",
        "Hnsw.M is 1", "Hnsw.EfConstruction is 1", "Hnsw.EfSearch is 0", "Dimensions is 3000",
        "Indexes.Interval is 00:00:00.5", "Indexes.LockTimeout is 00:00:00", "Indexes.Threshold is 0", "Indexes.TypeThreshold is -1",
        "Indexes.Method is 7", "Indexes.TargetRecall is 1.5", "Indexes.MaxMemoryBytes is 1000",
        "Insights.MinimumConfidence is 2", "Insights.MaxPerMemory is 101", "Insights.BatchSize is 0", "Insights.Parallelism is 65",
        "Insights.MaxAttempts is 0", "Insights.OrderedAttempts is -1", "Insights.PollInterval is -00:00:01", "Insights.DeliveryTimeout is 02:00:00",
        "Insights.LeaseDuration is 00:01:00", "Insights.RetryDelay is 00:00:00", "Insights.MaxRetryDelay is 2.00:00:00",
        "Insights.BreakDuration is 00:00:00.1", "Insights.DrainTimeout is -00:00:01",
    ];

    [Test]
    public void Every_mistake_is_reported_at_once_with_its_value()
    {
        var options = new UnifiedMemoryOptions
        {
            SchemaPrefix = "Bad Prefix",
            ApplicationName = "",
            MaxPoolSize = 0,
            MinPoolSize = 5,
            MaxContentBytes = 0,
            StoreBatchSize = 0,
            QueryCacheSize = -1,
            MigrateOnStart = (MigrateOnStart)9,
            AcquisitionTimeout = default,
            ConnectionLifetime = default,
            CommandTimeout = default,
            RetryBudget = TimeSpan.FromSeconds(-1),
            PurgeInterval = TimeSpan.FromSeconds(-1),
            Hnsw = new HnswOptions { M = 1, EfConstruction = 1, EfSearch = 0 },
            Indexes = new IndexMaintenanceOptions
            {
                Interval = TimeSpan.FromSeconds(0.5),
                LockTimeout = default,
                Threshold = 0,
                TypeThreshold = -1,
                Method = (VectorIndexMethod)7,
                TargetRecall = 1.5,
                MaxMemoryBytes = 1000,
            },
            Insights = new InsightOptions
            {
                MinimumConfidence = 2,
                MaxPerMemory = 101,
                BatchSize = 0,
                Parallelism = 65,
                MaxAttempts = 0,
                OrderedAttempts = -1,
                PollInterval = TimeSpan.FromSeconds(-1),
                DeliveryTimeout = TimeSpan.FromHours(2),
                LeaseDuration = TimeSpan.FromMinutes(1),
                RetryDelay = default,
                MaxRetryDelay = TimeSpan.FromDays(2),
                BreakDuration = TimeSpan.FromSeconds(0.1),
                DrainTimeout = TimeSpan.FromSeconds(-1),
            },
        };
        var failure = Assert.Throws<OptionsValidationException>(
            () => UnifiedMemoryStore.Create(options, new RecordingEmbeddingProvider(dimensions: 3000)))!;

        foreach (var mistake in EveryMistake)
            Assert.That(failure.Failures, Has.One.StartsWith(mistake).Or.One.Contains(mistake), mistake);
    }

    [Test]
    public void Sinks_have_names_of_their_own()
    {
        var options = new UnifiedMemoryOptions { ConnectionString = "Host=localhost" };
        var failure = Assert.Throws<OptionsValidationException>(() => UnifiedMemoryStore.Create(
            options, new RecordingEmbeddingProvider(), insightSinks: [new RecordingSink("twice"), new RecordingSink("twice"), new RecordingSink("")]))!;

        Assert.That(failure.Failures, Has.One.StartsWith("Two insight sinks have the Name 'twice'"));
        Assert.That(failure.Failures, Has.One.StartsWith("The Name of the insight sink RecordingSink is blank"));
    }

    [TestCase(2000, false, ExpectedResult = true)]
    [TestCase(2001, false, ExpectedResult = false)]
    [TestCase(4000, true, ExpectedResult = true)]
    [TestCase(4001, true, ExpectedResult = false)]
    public bool Half_precision_takes_twice_the_dimensions(int dimensions, bool halfPrecision)
    {
        var options = new UnifiedMemoryOptions { ConnectionString = "Host=one", Indexes = { HalfPrecision = halfPrecision } };
        try
        {
            UnifiedMemoryStore.Create(options, new RecordingEmbeddingProvider(dimensions)).Dispose();
            return true;
        }
        catch (OptionsValidationException failure)
        {
            Assert.That(failure.Message, Does.Contain($"Dimensions is {dimensions}"));
            return false;
        }
    }

    [TestCase("Host=localhost;Password=secret-word;Port=notanumber")]
    [TestCase("Host=localhost;Password=secret-word;No Such Key=1")]
    [TestCase("Password=secret-word")]
    [TestCase("complete secret-word nonsense")]
    public void A_bad_connection_string_is_refused_without_quoting_it(string connectionString)
    {
        var failure = Assert.Throws<OptionsValidationException>(
            () => UnifiedMemoryStore.Create(new UnifiedMemoryOptions { ConnectionString = connectionString }, new RecordingEmbeddingProvider()))!;

        Assert.That(failure.Message, Does.Contain("ConnectionString").And.Not.Contain("secret-word"));
    }

    [Test]
    public void A_host_with_bad_options_does_not_start_and_says_all_of_why()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddUnifiedMemory(options => options.MaxPoolSize = -1).UseEmbeddingProvider(_ => new RecordingEmbeddingProvider());
        using var host = builder.Build();

        Assert.That(
            async () => await host.StartAsync(),
            Throws.InstanceOf<OptionsValidationException>().With.Message.Contain("MaxPoolSize is -1").And.Message.Contain("ConnectionString is empty"));
    }

    [Test]
    public void Options_bind_from_configuration()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Memory:ConnectionString"] = "Host=somewhere",
            ["Memory:MaxPoolSize"] = "50",
            ["Memory:AcquisitionTimeout"] = "00:00:05",
            ["Memory:MigrateOnStart"] = "Check",
            ["Memory:Hnsw:EfSearch"] = "200",
        }).Build();
        var services = new ServiceCollection();
        services.AddUnifiedMemory(configuration.GetSection("Memory"));
        using var provider = services.BuildServiceProvider();

        var options = provider.GetRequiredService<IOptionsMonitor<UnifiedMemoryOptions>>().CurrentValue;

        Assert.Multiple(() =>
        {
            Assert.That(options.ConnectionString, Is.EqualTo("Host=somewhere"));
            Assert.That(options.MaxPoolSize, Is.EqualTo(50));
            Assert.That(options.AcquisitionTimeout, Is.EqualTo(TimeSpan.FromSeconds(5)));
            Assert.That(options.MigrateOnStart, Is.EqualTo(MigrateOnStart.Check));
            Assert.That(options.Hnsw.EfSearch, Is.EqualTo(200));
            Assert.That(options.Hnsw.M, Is.Null, "what is not given keeps its default");
        });
    }

    [Test]
    public void The_defaults_are_the_documented_ones()
    {
        var options = new UnifiedMemoryOptions();
        Assert.Multiple(() =>
        {
            Assert.That((options.MinPoolSize, options.MaxPoolSize), Is.EqualTo((0, 20)));
            Assert.That(options.AcquisitionTimeout, Is.EqualTo(TimeSpan.FromSeconds(30)));
            Assert.That(options.ConnectionLifetime, Is.EqualTo(TimeSpan.FromSeconds(3600)));
            Assert.That(options.MaxContentBytes, Is.EqualTo(1_048_576));
        });
    }
}
