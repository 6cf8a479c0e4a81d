using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.AspNetCore;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>
/// A STAND-IN for a Session-Buddy server, for tests: the official MCP server over streamable HTTP with sessions, and the tools
/// <c>store_reflection</c>, <c>quick_search</c> and <c>search_summary</c> as the contract and the source describe them. Nobody has compared it with a running
/// Session-Buddy. What it has stored outlives a restart, its sessions do not.
/// </summary>
public sealed partial class SessionBuddyStandIn : IAsyncDisposable
{
    private readonly ConcurrentQueue<StoredReflection> _stored = new();
    private readonly Channel<string> _arrivals = Channel.CreateUnbounded<string>();
    private readonly HttpContextAccessor _http = new();
    private WebApplication? _app;
    private TaskCompletionSource? _hold;
    private string? _heldTool;
    private int _port;
    private int _searches;
    private int _held;

    /// <summary>Where it listens, also while it is stopped.</summary>
    public Uri Endpoint => new($"http://127.0.0.1:{_port}/mcp");

    /// <summary>Everything that was stored, in order.</summary>
    public IReadOnlyCollection<StoredReflection> Stored => _stored;

    /// <summary>Calls of <c>quick_search</c> and <c>search_summary</c>.</summary>
    public int Searches => Volatile.Read(ref _searches);

    /// <summary>Calls that hang.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>Whether <c>store_reflection</c> has the argument <c>project</c>. Read when it starts.</summary>
    public bool TakesProject { get; set; }

    /// <summary>The tools that it has. Read when it starts.</summary>
    public IReadOnlyList<string> Tools { get; set; } = ["store_reflection", "quick_search"];

    /// <summary>What <c>store_reflection</c> answers instead of storing; <c>null</c> to store.</summary>
    public Func<string, CallToolResult?> OnStore { get; set; } = _ => null;

    /// <summary>The text after storing, with the reflection's number.</summary>
    public Func<int, string> SuccessText { get; set; } = _ => "💾 Reflection stored successfully!\n📝 Content: …";

    /// <summary>What <c>quick_search</c> answers instead of searching.</summary>
    public string? SearchText { get; set; }

    /// <summary>Stores the next reflections and closes the connection without an answer.</summary>
    public int AbortAfterStoring { get; set; }

    /// <summary>Closes the connection of the next reflections, and stores them nevertheless.</summary>
    public int AbortBeforeStoring { get; set; }

    public static async Task<SessionBuddyStandIn> StartAsync(bool takesProject = false, params string[] tools)
    {
        var standIn = new SessionBuddyStandIn { TakesProject = takesProject };
        if (tools.Length > 0)
            standIn.Tools = tools;
        await standIn.StartAgainAsync();
        return standIn;
    }

    /// <summary>Starts it on its port, with what it had stored and without its sessions.</summary>
    public async Task StartAgainAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port));
        builder.Services.AddHttpContextAccessor();
        builder.Services
            .AddMcpServer(options => options.ServerInfo = new Implementation { Name = "session-buddy-stand-in", Version = "0.0.0-stand-in" })
            .WithHttpTransport(options => options.SessionMode = HttpServerSessionMode.Stateful)
            .WithTools(ToolSet().Where(tool => Tools.Contains(tool.ProtocolTool.Name)));
        var app = builder.Build();
        _sessions.Clear();
        app.Use(BeforeAsync);
        app.MapMcp("/mcp");
        app.MapGet("/health", () => Results.Json(new { status = "ok", service = "session-buddy", version = "0.0.0-stand-in" }));
        await app.StartAsync();
        _port = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        _app = app;
    }

    /// <summary>Stops it: nobody listens at its address any more.</summary>
    public async Task StopAsync()
    {
        if (_app is not { } app)
            return;
        _app = null;
        Release();
        using var noPatience = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(noPatience.Token);
        await app.DisposeAsync();
    }

    /// <summary>Makes this tool or all of them hang until <see cref="Release"/>.</summary>
    public void Hold(string? tool = null)
    {
        _heldTool = tool;
        Volatile.Write(ref _hold, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    public void Release() => Interlocked.Exchange(ref _hold, null)?.TrySetResult();

    /// <summary>Waits until a tool was called.</summary>
    public async Task<string> ArrivedAsync() => await _arrivals.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    public async ValueTask DisposeAsync() => await StopAsync();

    private IEnumerable<McpServerTool> ToolSet()
    {
        yield return TakesProject
            ? McpServerTool.Create(
                (RequestContext<CallToolRequestParams> request, string content, string[]? tags = null, string? project = null) =>
                    StoreAsync(request, content, tags ?? [], project), Named("store_reflection"))
            : McpServerTool.Create(
                (RequestContext<CallToolRequestParams> request, string content, string[]? tags = null) => StoreAsync(request, content, tags ?? [], null), Named("store_reflection"));
        yield return McpServerTool.Create((string query) => SearchAsync(query), Named("quick_search"));
        yield return McpServerTool.Create((string query) => SummarizeAsync(query), Named("search_summary"));
        yield return McpServerTool.Create((string query) => query, Named("something_else"));

        static McpServerToolCreateOptions Named(string name) => new() { Name = name };
    }

    private async Task<CallToolResult> StoreAsync(
        RequestContext<CallToolRequestParams> request, string content, string[] tags, string? project)
    {
        if (AbortBeforeStoring > 0)
        {
            AbortBeforeStoring--;
            Abort();
        }

        await ArriveAsync("store_reflection");
        if (request.Params!.Arguments!.Keys.Except(TakesProject ? ["content", "tags", "project"] : ["content", "tags"]).Any())
            return Text("1 validation error for call[store_reflection]: Unexpected keyword argument", isError: true);
        if (OnStore(content) is { } odd)
            return odd;
        if (project is not null && !ProjectPattern().IsMatch(project))
            return Text("❌ Validation error: project must match ^[a-zA-Z0-9._-]{1,128}$");
        var (kept, keptTags) = Screen(content, tags);
        _stored.Enqueue(new StoredReflection(kept, keptTags, project));
        if (AbortAfterStoring > 0)
        {
            AbortAfterStoring--;
            Abort();
        }

        return Text(SuccessText(_stored.Count));
    }

    private async Task<CallToolResult> SearchAsync(string query)
    {
        Interlocked.Increment(ref _searches);
        await ArriveAsync("quick_search");
        if (SearchText is not null)
            return Text(SearchText);
        var found = _stored.FirstOrDefault(reflection => reflection.Tags.Contains(query));
        return Text($"🔍 Quick search for: '{query}'\n" + (found is null
            ? "🔍 No results found\n💡 Try adjusting your search terms or lowering min_score"
            : $"📊 Found results (showing top 1)\n📝 {found.Content[..Math.Min(150, found.Content.Length)]}"));
    }

    private async Task<CallToolResult> SummarizeAsync(string query)
    {
        Interlocked.Increment(ref _searches);
        await ArriveAsync("search_summary");
        var found = _stored.Count(reflection => reflection.Tags.Contains(query));
        return Text($"📊 Search Summary for: '{query}'\n{new string('=', 50)}\n" + (found == 0
            ? "🔍 No results found\n💡 Try different search terms or lower the min_score threshold"
            : $"📈 Total results: {found}\n🔤 Common themes:\n   • results: 3 mentions"));
    }

    private void Abort() => _http.HttpContext!.Features.Get<IHttpRequestLifetimeFeature>()!.Abort();

    private async Task ArriveAsync(string tool)
    {
        var hold = _heldTool is null || _heldTool == tool ? Volatile.Read(ref _hold) : null;
        _arrivals.Writer.TryWrite(tool);
        if (hold is null)
            return;
        Interlocked.Increment(ref _held);
        await hold.Task;
        Interlocked.Decrement(ref _held);
    }

    public static CallToolResult Text(string text, bool isError = false) => new() { Content = [new TextContentBlock { Text = text }], IsError = isError };
}
