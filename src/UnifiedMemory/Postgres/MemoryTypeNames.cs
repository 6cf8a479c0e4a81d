namespace UnifiedMemory.Postgres;

/// <summary>What <see cref="MemoryType"/> is called in the database.</summary>
internal static class MemoryTypeNames
{
    public static IReadOnlyList<string> All { get; } = [.. Enum.GetValues<MemoryType>().Select(NameOf)];

    public static string NameOf(MemoryType type) => type switch
    {
        MemoryType.Project => "project",
        MemoryType.Agent => "agent",
        MemoryType.Rag => "rag",
        MemoryType.Insight => "insight",
        MemoryType.Workflow => "workflow",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    public static MemoryType Parse(string name) => name switch
    {
        "project" => MemoryType.Project,
        "agent" => MemoryType.Agent,
        "rag" => MemoryType.Rag,
        "insight" => MemoryType.Insight,
        "workflow" => MemoryType.Workflow,
        _ => throw new InvalidDataException($"The database holds a memory of type '{name}', which this library does not know."),
    };
}
