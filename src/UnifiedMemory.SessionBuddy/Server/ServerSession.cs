using System.Net;
using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>One MCP session, and which of the tools the server has.</summary>
internal sealed class ServerSession : IAsyncDisposable
{
    public const string StoreTool = "store_reflection";

    // By which it can be looked for a tag, the quicker one first.
    private static readonly string[] SearchTools = ["quick_search", "search_summary"];

    private static readonly TimeSpan GoodbyeTimeout = TimeSpan.FromSeconds(2);

    private readonly McpClient _client;
    private readonly TimeProvider _time;

    private ServerSession(McpClient client, IEnumerable<McpClientTool> tools, TimeProvider time)
    {
        _client = client;
        _time = time;
        var known = tools.DistinctBy(tool => tool.Name).ToDictionary(tool => tool.Name, StringComparer.Ordinal);
        CanStore = known.TryGetValue(StoreTool, out var store);
        TakesProject = store is not null && HasProperty(store.JsonSchema, "project");
        SearchTool = Array.Find(SearchTools, known.ContainsKey);
    }

    public string? Version => _client.ServerInfo?.Version;

    public bool CanStore { get; }

    /// <summary>The tool that can be asked for a tag, if there is one.</summary>
    public string? SearchTool { get; }

    /// <summary>Whether <c>store_reflection</c> has an argument <c>project</c>.</summary>
    public bool TakesProject { get; }

    public static async Task<ServerSession> StartAsync(
        HttpClient http, SessionBuddyOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        // No logger: this client writes whole messages at its lowest level, memory content with them.
        var transport = new HttpClientTransport(
            new HttpClientTransportOptions
            {
                Endpoint = options.Endpoint,
                Name = "Session-Buddy",
                TransportMode = HttpTransportMode.StreamableHttp,
                ConnectionTimeout = options.ConnectTimeout,
                EnableStandaloneGetStream = false,
                MaxReconnectionAttempts = 0,
            },
            http);
        var client = await McpClient.CreateAsync(
            transport,
            new McpClientOptions
            {
                TimeProvider = time,
                InitializationTimeout = options.ConnectTimeout,

                // A server of an earlier protocol may not answer the question for the newest one; there must be time left for its own.
                DiscoverProbeTimeout = options.ConnectTimeout / 2,
            },
            cancellationToken: cancellationToken).ConfigureAwait(false);
        try
        {
            var tools = await client.ListToolsAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            return new ServerSession(client, tools, time);
        }
        catch
        {
            await SayGoodbyeAsync(client, time).ConfigureAwait(false);
            throw;
        }
    }

    public async Task<ToolAnswer> CallAsync(
        string tool, IReadOnlyDictionary<string, object?> arguments, CancellationToken cancellationToken)
    {
        var result = await _client.CallToolAsync(tool, arguments, cancellationToken: cancellationToken).ConfigureAwait(false);
        return new ToolAnswer(result.IsError == true, string.Join('\n', result.Content.OfType<TextContentBlock>().Select(block => block.Text)));
    }

    /// <summary>
    /// Of a session that has ended: whether it is because the server does not know it. The client cuts off all of its calls as soon as the first
    /// is answered so, and knows why a little later.
    /// </summary>
    public async Task<bool> IsUnknownToServerAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _client.Completion.WaitAsync(GoodbyeTimeout, _time, cancellationToken).ConfigureAwait(false)
                is HttpClientCompletionDetails { HttpStatusCode: HttpStatusCode.NotFound };
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync() => SayGoodbyeAsync(_client, _time);

    /// <summary>A server that hangs must not hold up who is done with it; one that is gone cannot be told.</summary>
    private static async ValueTask SayGoodbyeAsync(McpClient client, TimeProvider time)
    {
        var goodbye = client.DisposeAsync().AsTask();
        try
        {
            await goodbye.WaitAsync(GoodbyeTimeout, time).ConfigureAwait(false);
        }
        catch (Exception)
        {
            _ = goodbye.ContinueWith(static late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }
    }

    private static bool HasProperty(JsonElement schema, string name) =>
        schema.ValueKind == JsonValueKind.Object
        && schema.TryGetProperty("properties", out var properties)
        && properties.ValueKind == JsonValueKind.Object
        && properties.TryGetProperty(name, out _);
}
