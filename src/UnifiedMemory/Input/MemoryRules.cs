namespace UnifiedMemory.Input;

/// <summary>What the values of memories, filters and queries must fulfil.</summary>
internal static class MemoryRules
{
    public static void RequireType(MemoryType type)
    {
        if (!Enum.IsDefined(type))
            throw new ArgumentOutOfRangeException(nameof(type), type, $"The memory type is none of {string.Join(", ", Enum.GetNames<MemoryType>())}.");
    }

    public static void RequireImportance(double importance)
    {
        if (!(importance is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(importance), importance, "Importance is a number from 0 to 1.");
    }

    /// <summary>PostgreSQL keeps the ends of the calendar as infinity, which is no date any more.</summary>
    public static DateTimeOffset RequireCreatedAt(DateTimeOffset createdAt)
    {
        if (createdAt == DateTimeOffset.MinValue || createdAt == DateTimeOffset.MaxValue)
            throw new ArgumentOutOfRangeException(nameof(createdAt), createdAt, "CreatedAt is the end of the calendar; leave it null for now.");
        return createdAt;
    }

    public static void RequireExpiresAt(DateTimeOffset? expiresAt)
    {
        if (expiresAt == DateTimeOffset.MinValue)
            throw new ArgumentOutOfRangeException(nameof(expiresAt), expiresAt, "ExpiresAt is the beginning of the calendar; leave it null for never.");
    }

    public static void RequireInsight(InsightDetails details)
    {
        if (details.Type is { } type && !Enum.IsDefined(type))
            throw new ArgumentOutOfRangeException(nameof(details), type, $"The insight type is none of {string.Join(", ", Enum.GetNames<InsightType>())}.");
        if (details.Confidence is { } confidence && !(confidence is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(details), confidence, "Confidence is a number from 0 to 1.");
        if (details.Topics is not null)
            TextRules.RequireTags(details.Topics, nameof(details.Topics));
        if (details.Projects is not null)
            TextRules.RequireTags(details.Projects, nameof(details.Projects));
    }

    public static void RequireFilter(MemoryFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (filter.Namespace != MemoryFilter.AllNamespaces)
            TextRules.RequireNamespace(filter.Namespace, nameof(filter.Namespace));
        if (filter.Types is null)
            throw new ArgumentException("Types is null. Give an empty list for all types.", nameof(filter));
        foreach (var type in filter.Types)
            RequireType(type);
        TextRules.RequireIfGiven(filter.Kind, nameof(filter.Kind));
        TextRules.RequireIfGiven(filter.AgentId, nameof(filter.AgentId));
        TextRules.RequireIfGiven(filter.SessionId, nameof(filter.SessionId));
        TextRules.RequireIfGiven(filter.WorkflowId, nameof(filter.WorkflowId));
        TextRules.RequireIfGiven(filter.SourceSystem, nameof(filter.SourceSystem));
        TextRules.RequireTags(filter.Tags, nameof(filter.Tags));
        if (filter is { CreatedFrom: { } from, CreatedBefore: { } before } && from >= before)
        {
            throw new ArgumentException(
                $"The time range is empty: CreatedFrom {from:O} is not before CreatedBefore {before:O}.", nameof(filter));
        }
    }

    public static void RequireFilter(QueuedInsightFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (filter.Namespace is not (null or MemoryFilter.AllNamespaces))
            TextRules.RequireNamespace(filter.Namespace, nameof(filter.Namespace));
        TextRules.RequireIfGiven(filter.Sink, nameof(filter.Sink));
        if (filter.State is { } state && !Enum.IsDefined(state))
            throw new ArgumentOutOfRangeException(nameof(filter), state, "State is Pending or Parked; leave it null for both.");
    }

    public static void RequireQuery(MemoryQuery query, int maxTextBytes)
    {
        RequireFilter(query);
        TextRules.RequireContent(query.Text, nameof(query.Text), maxTextBytes);
        if (query.Limit is < 1 or > 1000)
            throw new ArgumentOutOfRangeException(nameof(query), query.Limit, "Limit is a number from 1 to 1,000.");
        if (query.MinimumSimilarity is { } similarity && !(similarity is >= -1 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(query), similarity, "MinimumSimilarity is a cosine, from -1 to 1.");
        if (query is { MinimumSimilarity: not null, Mode: SearchMode.Text })
            throw new ArgumentException("MinimumSimilarity is set, and text mode compares no vectors. Leave it null, or use another mode.", nameof(query));
        if (!Enum.IsDefined(query.Mode))
            throw new ArgumentOutOfRangeException(nameof(query), query.Mode, "Mode is Vector, Text or Hybrid.");
        if (!Enum.IsDefined(query.Fusion))
            throw new ArgumentOutOfRangeException(nameof(query), query.Fusion, "Fusion is WeightedScores or ReciprocalRank.");
        if (query.Neighbours is < 0 or > 10)
            throw new ArgumentOutOfRangeException(nameof(query), query.Neighbours, "Neighbours is a number from 0 (off) to 10.");
        if (query.RecencyHalfLife is { } halfLife && halfLife <= TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(query), halfLife, "RecencyHalfLife is longer than nothing; leave it null when age does not matter.");
        RequireShare(query.TextWeight, nameof(query.TextWeight));
        RequireShare(query.NeighbourWeight, nameof(query.NeighbourWeight));
        RequireShare(query.TimeWeight, nameof(query.TimeWeight));
        RequireShare(query.ImportanceWeight, nameof(query.ImportanceWeight));
        RequireShare(query.Diversity, nameof(query.Diversity));

        static void RequireShare(double value, string name)
        {
            if (!(value is >= 0 and <= 1))
                throw new ArgumentOutOfRangeException(nameof(query), value, $"{name} is a number from 0 to 1.");
        }
    }

    public static void RequireUpdate(MemoryUpdate update, int maxContentBytes)
    {
        ArgumentNullException.ThrowIfNull(update);
        if (update == new MemoryUpdate())
            throw new ArgumentException("The update changes nothing. Set at least one property.", nameof(update));
        if (update.Content is not null)
            TextRules.RequireContent(update.Content, nameof(update.Content), maxContentBytes);
        if (update.Kind is not (null or ""))
            TextRules.Require(update.Kind, nameof(update.Kind), TextRules.MaxNameLength);
        if (update.Tags is not null)
            TextRules.RequireTags(update.Tags, nameof(update.Tags));
        if (update.Importance is { } importance)
            RequireImportance(importance);
        RequireExpiresAt(update.ExpiresAt);
        if (update.Metadata is not null)
            MetadataJson.Serialize(update.Metadata, nameof(update.Metadata));
    }
}
