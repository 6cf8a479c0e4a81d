using System.Globalization;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// What is kept of an exception that is not ours: its type and status. Neither its message nor itself as an inner exception,
/// since services repeat parts of the request in their errors, and that is memory content.
/// </summary>
internal static class ForeignFailure
{
    public static UnifiedMemoryException Of(string what, Exception error) =>
        new("embed", $"{what}: {error.GetType().Name}{Status(error)}.", IsTransient(error));

    private static string Status(Exception error) => error is HttpRequestException { StatusCode: { } status }
        ? string.Create(CultureInfo.InvariantCulture, $" with status {(int)status}")
        : "";

    private static bool IsTransient(Exception error) => error switch
    {
        HttpRequestException { StatusCode: { } status } => (int)status is 408 or 429 or >= 500,
        HttpRequestException or IOException or TimeoutException or OperationCanceledException => true,
        _ => false,
    };
}
