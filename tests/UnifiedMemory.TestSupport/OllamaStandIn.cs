using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace UnifiedMemory.TestSupport;

/// <summary>
/// A STAND-IN for an Ollama service, for tests: an HTTP server on a free loopback port that speaks Ollama's wire protocol
/// (<c>/api/embed</c>, <c>/api/tags</c>, <c>/api/show</c>, <c>/api/version</c>, <c>/api/pull</c>). It runs no model: a vector is
/// drawn from a hash of the text, normalised, so equal texts are equal and nothing else is near. It proves how a client
/// copes with the protocol and its faults, never that retrieval works.
/// </summary>
/// <remarks>Faults are properties; each is off by default and may be changed between calls.</remarks>
public sealed partial class OllamaStandIn : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _concurrent;
    private int _maxConcurrency;
    private int _embedCalls;
    private int _pulls;
    private int _injectedFaults;

    private OllamaStandIn(WebApplication app)
    {
        _app = app;
        app.MapGet("/api/version", () => Results.Json(new { version = "0.0.0-stand-in" }));
        app.MapGet("/api/tags", () => Results.Json(new { models = Models.Keys.Select(name => new { name, model = name, digest = Digest }) }));
        app.MapPost("/api/show", ShowAsync);
        app.MapPost("/api/pull", PullAsync);
        app.MapPost("/api/embed", EmbedAsync);
    }

    /// <summary>The digest of every model here.</summary>
    public static string Digest { get; } = new('d', 64);

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>The pulled models. At first: <c>nomic-embed-text:latest</c>.</summary>
    public ConcurrentDictionary<string, bool> Models { get; } = new() { ["nomic-embed-text:latest"] = true };

    /// <summary>The length of its vectors, also what <c>/api/show</c> tells.</summary>
    public int Dimensions { get; set; } = 768;

    /// <summary>Everything that was asked of <c>/api/embed</c>, in order of arrival.</summary>
    public ConcurrentQueue<OllamaStandInRequest> Requests { get; } = new();

    /// <summary>Calls of <c>/api/embed</c>, refused ones included.</summary>
    public int EmbedCalls => Volatile.Read(ref _embedCalls);

    /// <summary>The most calls of <c>/api/embed</c> that were under way at the same time.</summary>
    public int MaxConcurrency => Volatile.Read(ref _maxConcurrency);

    /// <summary>Calls of <c>/api/pull</c>.</summary>
    public int Pulls => Volatile.Read(ref _pulls);

    /// <summary>How often a fault was really injected: a test that injects one asserts on it.</summary>
    public int InjectedFaults => Volatile.Read(ref _injectedFaults);

    /// <summary>Starts the server.</summary>
    public static async Task<OllamaStandIn> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var standIn = new OllamaStandIn(app);
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        standIn.Address = new Uri(addresses.Addresses.First());
        return standIn;
    }

    /// <summary>The vector that it answers for an input, prefix included.</summary>
    public float[] VectorOf(string input)
    {
        // FNV-1a, then splitmix64 for each number.
        var state = Encoding.UTF8.GetBytes(input).Aggregate(14695981039346656037UL, (hash, b) => (hash ^ b) * 1099511628211UL);
        var vector = new float[Dimensions];
        for (var i = 0; i < vector.Length; i++)
        {
            var z = state += 0x9E3779B97F4A7C15UL;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            vector[i] = (float)((z ^ (z >> 31)) / (double)ulong.MaxValue * 2 - 1);
        }

        var norm = (float)Math.Sqrt(vector.Sum(number => (double)number * number));
        return [.. vector.Select(number => number / norm)];
    }

    /// <summary>Stops the server; calls that hang are let go.</summary>
    public async ValueTask DisposeAsync()
    {
        Release();
        using var noPatience = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(noPatience.Token);
        await _app.DisposeAsync();
    }

    private IResult ShowAsync(JsonElement request)
    {
        var model = Tagged(request.GetProperty("model").GetString()!);
        return Models.ContainsKey(model)
            ? Results.Json(new Dictionary<string, object>
            {
                ["model_info"] = new Dictionary<string, object>
                {
                    ["general.architecture"] = "nomic-bert",
                    ["nomic-bert.context_length"] = 2048,
                    ["nomic-bert.embedding_length"] = Dimensions,
                },
            })
            : Error(404, $"model '{model}' not found");
    }

    private async Task PullAsync(HttpContext context, JsonElement request)
    {
        Interlocked.Increment(ref _pulls);
        await ArriveAsync(context);
        context.Response.ContentType = "application/x-ndjson";
        await context.Response.WriteAsync("{\"status\":\"pulling manifest\"}\n");
        await context.Response.WriteAsync("{\"status\":\"pulling dddd\",\"digest\":\"sha256:dddd\",\"total\":100,\"completed\":50}\n");
        await context.Response.Body.FlushAsync();
        if (PullError is not null)
        {
            Interlocked.Increment(ref _injectedFaults);
            await context.Response.WriteAsync(JsonSerializer.Serialize(new { error = PullError }) + "\n");
            return;
        }

        Models[Tagged(request.GetProperty("model").GetString()!)] = true;
        await context.Response.WriteAsync("{\"status\":\"success\"}\n");
    }

    private static IResult Error(int status, string message) => Results.Json(new { error = message }, statusCode: status);

    private static string Tagged(string model) => model.Contains(':', StringComparison.Ordinal) ? model : model + ":latest";
}
