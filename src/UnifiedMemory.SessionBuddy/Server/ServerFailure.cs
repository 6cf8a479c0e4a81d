using System.Globalization;
using System.Net;
using ModelContextProtocol;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>What an exception says of the server, in words that hold nothing of what was sent.</summary>
internal static class ServerFailure
{
    /// <summary>Whether nobody listens there, so that nothing can have arrived.</summary>
    public static bool IsDown(Exception exception) => Chain(exception).OfType<HttpRequestException>().Any(
        failure => failure.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError);

    /// <summary>Whether the server took the call and answered with an error: the session is alive.</summary>
    public static bool IsAnswer(Exception exception) => Chain(exception).OfType<McpProtocolException>().Any(
        failure => failure.ErrorCode is McpErrorCode.MethodNotFound or McpErrorCode.InvalidParams or McpErrorCode.InternalError);

    /// <summary>
    /// Whether the server may be at work on the call: after a time-out, a connection that broke, a session that was ended here, and whatever else
    /// does not say that it is not.
    /// </summary>
    public static bool MayHaveArrived(Exception exception) => !IsAnswer(exception) && !IsDown(exception) && !IsOfUnknownSession(exception);

    /// <summary>Session-Buddy answers for a session that it does not know with the status 404, or with 400 and the code -32600.</summary>
    private static bool IsOfUnknownSession(Exception exception) => Chain(exception).Any(
        failure => failure is HttpRequestException { StatusCode: HttpStatusCode.NotFound or HttpStatusCode.BadRequest }
            or McpProtocolException { ErrorCode: McpErrorCode.InvalidRequest });

    /// <summary>Types and numbers only: a message may quote an answer, and an answer what was sent.</summary>
    public static string Describe(Exception exception)
    {
        var inner = Chain(exception).ToList();
        if (inner.OfType<McpProtocolException>().FirstOrDefault() is { } protocol)
            return string.Create(CultureInfo.InvariantCulture, $"MCP error {(int)protocol.ErrorCode}");
        if (inner.OfType<HttpRequestException>().FirstOrDefault() is { } http)
        {
            return http.StatusCode is { } status
                ? string.Create(CultureInfo.InvariantCulture, $"HTTP status {(int)status}")
                : $"HTTP {http.HttpRequestError}";
        }

        return inner[^1].GetType().Name;
    }

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
            yield return exception;
    }
}
