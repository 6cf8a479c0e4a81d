namespace UnifiedMemory.Backup.Contents;

/// <summary>The schemas that a store has or may get, by its prefix.</summary>
internal sealed class StoreNames(string prefix)
{
    public string Prefix => prefix;

    /// <summary>The schema that every store has.</summary>
    public string Main => prefix + "memories";

    public string[] All => [Main, prefix + "workflows", prefix + "agents"];

    public string Memories => RowText.Table(Main, "memories");
}
