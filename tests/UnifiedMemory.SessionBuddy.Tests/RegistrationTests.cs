using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

public sealed class RegistrationTests
{
    [Test]
    public void The_sink_is_found_under_the_key_of_its_store_and_made_once()
    {
        var services = new ServiceCollection();
        services.AddUnifiedMemory(options => options.ConnectionString = "Host=one").AddSessionBuddy();
        services.AddUnifiedMemory("reports", options => options.ConnectionString = "Host=two").AddSessionBuddy(options => options.CollectionTag = "reports");
        using var provider = services.BuildServiceProvider();

        var sink = provider.GetKeyedServices<IInsightSink>("").Single();
        var other = provider.GetKeyedServices<IInsightSink>("reports").Single();

        Assert.That(sink, Is.InstanceOf<SessionBuddySink>().And.Property(nameof(IInsightSink.Name)).EqualTo("session-buddy"));
        Assert.That(provider.GetKeyedServices<IInsightSink>("").Single(), Is.SameAs(sink));
        Assert.That(other, Is.Not.SameAs(sink));
    }

    [Test]
    public void A_second_call_only_adds_options()
    {
        var services = new ServiceCollection();
        services.AddUnifiedMemory(options => options.ConnectionString = "Host=one")
            .AddSessionBuddy(options => options.CollectionTag = "one").AddSessionBuddy(options => options.FilePath = "/two");
        using var provider = services.BuildServiceProvider();

        Assert.That(provider.GetKeyedServices<IInsightSink>("").Count(), Is.EqualTo(1));
        var options = provider.GetRequiredService<IOptionsMonitor<SessionBuddyOptions>>().Get("");
        Assert.That((options.CollectionTag, options.FilePath), Is.EqualTo(("one", "/two")));
    }

    [Test]
    public void Options_are_bound_from_configuration()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Buddy:Endpoint"] = "http://localhost:9999/mcp",
            ["Buddy:FileUse"] = "WhenServerIsDown",
            ["Buddy:CallTimeout"] = "00:00:05",
            ["Buddy:QualityScore"] = "0.9",
        }).Build();
        var services = new ServiceCollection();
        services.AddUnifiedMemory(options => options.ConnectionString = "Host=one").AddSessionBuddy(configuration.GetSection("Buddy"));
        using var provider = services.BuildServiceProvider();

        var options = provider.GetRequiredService<IOptionsMonitor<SessionBuddyOptions>>().Get("");

        Assert.That(
            (options.Endpoint.ToString(), options.FileUse, options.CallTimeout, options.QualityScore),
            Is.EqualTo(("http://localhost:9999/mcp", SessionBuddyFileUse.WhenServerIsDown, TimeSpan.FromSeconds(5), (double?)0.9)));
    }

    [Test]
    public void A_host_with_wrong_options_does_not_start_and_names_every_mistake()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddUnifiedMemory(options => options.ConnectionString = "Host=one").AddSessionBuddy(Spoil);
        using var host = builder.Build();

        var exception = Assert.ThrowsAsync<OptionsValidationException>(async () => await host.StartAsync())!;

        Assert.That(exception.Failures.Count(), Is.EqualTo(9));
        foreach (var name in new[] { "Endpoint", "CollectionTag", "ConnectTimeout", "CallTimeout", "FileUse", "FilePath", "QualityScore", "VectorExtension", "ExportInterval" })
            Assert.That(exception.Failures, Has.One.StartWith(name + " is"));
        var options = new SessionBuddyOptions();
        Spoil(options);
        Assert.That(() => new SessionBuddySink(options), Throws.ArgumentException.With.Message.Contain("Endpoint").And.Message.Contain("ExportInterval"));
    }

    [TestCase("http://user:secret@127.0.0.1/mcp")]
    [TestCase("file:///tmp/mcp")]
    [TestCase("mcp")]
    public void An_endpoint_without_sense_is_refused_and_no_password_is_repeated(string endpoint)
    {
        var options = new SessionBuddyOptions { Endpoint = new Uri(endpoint, UriKind.RelativeOrAbsolute) };

        Assert.That(() => new SessionBuddySink(options), Throws.ArgumentException.With.Message.Contain("Endpoint").And.Message.Not.Contain("secret"));
    }

    private static void Spoil(SessionBuddyOptions options)
    {
        options.Endpoint = new Uri("ftp://127.0.0.1/mcp");
        options.CollectionTag = "user";
        options.ConnectTimeout = TimeSpan.Zero;
        options.CallTimeout = TimeSpan.FromDays(1);
        options.FileUse = (SessionBuddyFileUse)7;
        options.FilePath = " ";
        options.QualityScore = double.NaN;
        options.VectorExtension = " ";
        options.ExportInterval = TimeSpan.FromMilliseconds(1);
    }
}
