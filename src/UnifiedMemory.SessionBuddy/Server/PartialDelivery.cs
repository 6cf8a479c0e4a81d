using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>How far one try to deliver an insight has come.</summary>
internal sealed class PartialDelivery(Insight insight, IReadOnlyList<string> parts, string collectionTag)
{
    private readonly List<string> _tags = InsightTags.Of(insight, collectionTag);

    public Insight Insight => insight;

    public IReadOnlyList<string> Parts => parts;

    /// <summary>The part that is to be sent.</summary>
    public int Next { get; set; }

    /// <summary>Whether parts may have arrived already.</summary>
    public bool Look { get; set; }

    /// <summary>The tag that the next part alone has.</summary>
    public string SearchTag => parts.Count == 1
        ? InsightTags.MemoryId(insight.Id)
        : InsightTags.Part(insight.Id, Next + 1, parts.Count);

    public IReadOnlyList<string> Tags => parts.Count == 1 ? _tags : [.. _tags, SearchTag];
}
