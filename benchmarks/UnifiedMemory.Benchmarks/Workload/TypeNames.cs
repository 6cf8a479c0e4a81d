namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>What the memory types are called in the database.</summary>
internal static class TypeNames
{
    public static string NameOf(MemoryType type) => type switch
    {
        MemoryType.Project => "project",
        MemoryType.Agent => "agent",
        MemoryType.Rag => "rag",
        MemoryType.Insight => "insight",
        _ => "workflow",
    };

    public static MemoryType Parse(string name) => name switch
    {
        "project" => MemoryType.Project,
        "agent" => MemoryType.Agent,
        "rag" => MemoryType.Rag,
        "insight" => MemoryType.Insight,
        _ => MemoryType.Workflow,
    };
}
