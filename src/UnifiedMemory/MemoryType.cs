namespace UnifiedMemory;

/// <summary>What a memory is. One store holds all of them.</summary>
public enum MemoryType
{
    /// <summary>About a project: decisions, conventions, code, documents.</summary>
    Project,

    /// <summary>About or of an agent: what it was told, did and learned.</summary>
    Agent,

    /// <summary>A piece of a document for retrieval-augmented generation.</summary>
    Rag,

    /// <summary>Something learned that holds beyond one project.</summary>
    Insight,

    /// <summary>About a workflow: its runs, steps and outcomes.</summary>
    Workflow,
}
