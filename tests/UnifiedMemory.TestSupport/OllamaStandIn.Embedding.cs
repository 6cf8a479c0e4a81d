using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace UnifiedMemory.TestSupport;

public sealed partial class OllamaStandIn
{
    private readonly Channel<string> _arrivals = Channel.CreateUnbounded<string>();
    private TaskCompletionSource? _hold;
    private string? _heldPath;
    private int _failNext;
    private int _failNextStatus;

    /// <summary>Inputs that contain this fail their whole batch, with <see cref="PoisonStatus"/> and <see cref="PoisonError"/>.</summary>
    public string? Poison { get; set; }

    /// <summary>The status of a poisoned batch. Default: 400.</summary>
    public int PoisonStatus { get; set; } = 400;

    /// <summary>The message of a poisoned batch.</summary>
    public string PoisonError { get; set; } = "embedding contains NaN or Inf values";

    /// <summary>Inputs longer than this many characters are too long, unless the call may truncate. Default: no limit.</summary>
    public int ContextLength { get; set; } = int.MaxValue;

    /// <summary>Changes the vector of an input before it is sent: a wrong length, NaN, zeros. <c>null</c> leaves it out.</summary>
    public Func<string, float[], float[]?>? Distort { get; set; }

    /// <summary>Whether <c>/api/embed</c> closes the connection without an answer.</summary>
    public bool ResetConnections { get; set; }

    /// <summary>Answers this to every call of <c>/api/embed</c> as HTML, like a proxy in the way.</summary>
    public string? Html { get; set; }

    /// <summary>The error that <c>/api/pull</c> reports in its stream.</summary>
    public string? PullError { get; set; }

    /// <summary>The next calls of <c>/api/embed</c> fail with the status; <see cref="int.MaxValue"/> means all of them.</summary>
    public void FailNext(int calls, int status)
    {
        _failNextStatus = status;
        Volatile.Write(ref _failNext, calls);
    }

    /// <summary>Makes calls of the path hang until <see cref="Release"/>: <c>/api/embed</c> or <c>/api/pull</c>.</summary>
    public void Hold(string path = "/api/embed")
    {
        _heldPath = path;
        Volatile.Write(ref _hold, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    /// <summary>Lets every hanging call go on, and those that follow.</summary>
    public void Release() => Interlocked.Exchange(ref _hold, null)?.TrySetResult();

    /// <summary>Waits until so many more calls of <c>/api/embed</c> and <c>/api/pull</c> have arrived.</summary>
    public async Task ArrivedAsync(int calls = 1)
    {
        for (; calls > 0; calls--)
            await _arrivals.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task ArriveAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        var hold = Volatile.Read(ref _hold);
        _arrivals.Writer.TryWrite(path);
        if (hold is not null && path == _heldPath)
            await hold.Task.WaitAsync(context.RequestAborted);
    }

    private async Task EmbedAsync(HttpContext context, JsonElement body)
    {
        var inputs = body.GetProperty("input").EnumerateArray().Select(input => input.GetString()!).ToArray();
        var truncate = !body.TryGetProperty("truncate", out var flag) || flag.GetBoolean();
        var keepAlive = body.TryGetProperty("keep_alive", out var time) ? time.GetString() : null;
        var request = new OllamaStandInRequest(body.GetProperty("model").GetString()!, inputs, truncate, keepAlive);

        var concurrent = Interlocked.Increment(ref _concurrent);
        int seen;
        while (concurrent > (seen = _maxConcurrency) && Interlocked.CompareExchange(ref _maxConcurrency, concurrent, seen) != seen)
        {
        }

        Interlocked.Increment(ref _embedCalls);
        Requests.Enqueue(request);
        try
        {
            await ArriveAsync(context);
            if (FindFault(request) is { } fault)
            {
                Interlocked.Increment(ref _injectedFaults);
                await fault(context);
                return;
            }

            await AnswerAsync(context, request);
        }
        catch (OperationCanceledException)
        {
            // The client hung up.
        }
        finally
        {
            Interlocked.Decrement(ref _concurrent);
        }
    }

    private Func<HttpContext, Task>? FindFault(OllamaStandInRequest request)
    {
        if (ResetConnections)
            return Reset;
        if (Html is not null)
            return context => Results.Content(Html, "text/html").ExecuteAsync(context);
        if (Volatile.Read(ref _failNext) > 0 && Interlocked.Decrement(ref _failNext) >= 0)
            return Error(_failNextStatus, "server busy, please try again. maximum pending requests exceeded").ExecuteAsync;
        if (!Models.ContainsKey(Tagged(request.Model)))
            return Error(404, $"model '{request.Model}' not found").ExecuteAsync;
        if (Poison is not null && request.Inputs.Any(input => input.Contains(Poison, StringComparison.Ordinal)))
            return Error(PoisonStatus, PoisonError).ExecuteAsync;
        return !request.Truncate && request.Inputs.Any(input => input.Length > ContextLength)
            ? Error(400, "the input length exceeds the context length").ExecuteAsync
            : null;
    }

    private static Task Reset(HttpContext context)
    {
        context.Features.Get<IHttpRequestLifetimeFeature>()!.Abort();
        return Task.CompletedTask;
    }

    private async Task AnswerAsync(HttpContext context, OllamaStandInRequest request)
    {
        List<float[]> vectors = [];
        foreach (var input in request.Inputs)
        {
            var vector = VectorOf(input.Length > ContextLength ? input[..ContextLength] : input);
            var sent = Distort is null ? vector : Distort(input, vector);
            if (!ReferenceEquals(sent, vector))
                Interlocked.Increment(ref _injectedFaults);
            if (sent is not null)
                vectors.Add(sent);
        }

        context.Response.ContentType = "application/json; charset=utf-8";
        var json = JsonSerializer.Serialize(
            new
            {
                model = request.Model,
                embeddings = vectors,
                total_duration = 1_000_000L,
                load_duration = 1_000L,
                prompt_eval_count = request.Inputs.Count,
            },
            WireJson);
        // A server that does not check writes NaN as a bare word.
        await context.Response.WriteAsync(json.Replace("\"NaN\"", "NaN", StringComparison.Ordinal));
    }

    private static readonly JsonSerializerOptions WireJson = new()
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
}
