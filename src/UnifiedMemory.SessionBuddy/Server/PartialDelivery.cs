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

    /// <summary>The part that was sent and not answered for: the server may be at work on it.</summary>
    public int? Unanswered { get; set; }

    /// <summary>Whether parts of a longer text, which the insight had before, are there: they have its <c>memory_id</c> too.</summary>
    public bool IsBesideParts { get; set; }

    /// <summary>Whether what is found by its tag may be such a part.</summary>
    public bool MayBeOfParts => parts.Count == 1 && !IsBesideParts;

    public IReadOnlyList<string> Tags => parts.Count > 1 ? [.. _tags, InsightTags.Parts(insight.Id), TagOf(Next)]
        : IsBesideParts ? [.. _tags, TagOf(Next)]
        : _tags;

    /// <summary>The tag that this part of this text alone has.</summary>
    public string TagOf(int part) => parts.Count > 1 ? InsightTags.Part(insight, part + 1, parts.Count)
        : IsBesideParts ? InsightTags.Whole(insight)
        : InsightTags.MemoryId(insight.Id);
}
