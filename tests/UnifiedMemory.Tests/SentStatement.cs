namespace UnifiedMemory.Tests;

/// <summary>What Npgsql sent, and to which port.</summary>
internal sealed record SentStatement(string Text, int Port);
