namespace UnifiedMemory;

/// <summary>What a host does about the schema when it starts.</summary>
public enum MigrateOnStart
{
    /// <summary>Nothing; the first use of the store checks the schema.</summary>
    Off,

    /// <summary>The host fails to start when the schema is missing, older or newer, or belongs to another embedding space.</summary>
    Check,

    /// <summary>Applies what is pending; hosts that start together wait for the one that does it.</summary>
    Apply,
}
