namespace UnifiedMemory.TestSupport;

/// <summary>One call of <see cref="OllamaStandIn"/>'s <c>/api/embed</c>.</summary>
/// <param name="Model">The model asked for.</param>
/// <param name="Inputs">The texts, prefixes included.</param>
/// <param name="Truncate">Whether the service may cut a text that is too long.</param>
/// <param name="KeepAlive">How long to keep the model loaded, as sent.</param>
public sealed record OllamaStandInRequest(string Model, IReadOnlyList<string> Inputs, bool Truncate, string? KeepAlive);
