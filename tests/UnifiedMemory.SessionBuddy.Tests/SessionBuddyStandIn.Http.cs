using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>What happens to a request before the MCP server sees it.</summary>
public sealed partial class SessionBuddyStandIn
{
    private readonly ConcurrentDictionary<string, bool> _sessions = new();
    private int _started;
    private int _ended;

    /// <summary>Sessions that were started, over all restarts.</summary>
    public int Sessions => Volatile.Read(ref _started);

    /// <summary>Sessions that the other side ended.</summary>
    public int Ended => Volatile.Read(ref _ended);

    /// <summary>Answers this status to every request; 0 for none.</summary>
    public int HttpStatus { get; set; }

    /// <summary>
    /// Refuses requests without a session, and those of a session that it does not know, with the status 400 and the words of the
    /// Python SDK that Session-Buddy is built on.
    /// </summary>
    public bool LikePython { get; set; }

    private async Task BeforeAsync(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsDelete(context.Request.Method))
            Interlocked.Increment(ref _ended);
        if (HttpStatus != 0)
        {
            context.Response.StatusCode = HttpStatus;
            await context.Response.WriteAsync("<html>Something is wrong here</html>");
            return;
        }

        if (LikePython && await RefusalAsync(context.Request) is { } refusal)
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = "server-error", error = new { code = -32600, message = "Bad Request: " + refusal } });
            return;
        }

        context.Response.OnStarting(() =>
        {
            if (context.Response.Headers["Mcp-Session-Id"].FirstOrDefault() is { } session && _sessions.TryAdd(session, true))
                Interlocked.Increment(ref _started);
            return Task.CompletedTask;
        });
        await next(context);
    }

    private async Task<string?> RefusalAsync(HttpRequest request)
    {
        if (request.Headers["Mcp-Session-Id"].FirstOrDefault() is { } session)
            return _sessions.ContainsKey(session) ? null : "No valid session ID provided";
        if (request.Method != HttpMethods.Post)
            return "Missing session ID";
        request.EnableBuffering();
        using var message = await JsonDocument.ParseAsync(request.Body);
        request.Body.Position = 0;
        return message.RootElement.GetProperty("method").GetString() == "initialize" ? null : "Missing session ID";
    }
}
