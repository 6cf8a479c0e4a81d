using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Tests;

/// <summary>Collects log lines, every level, with their exceptions.</summary>
internal sealed class ListLogger(ICollection<string> lines) : ILoggerProvider, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (lines)
            lines.Add($"{formatter(state, exception)} {exception}");
    }

    public void Dispose()
    {
    }
}
