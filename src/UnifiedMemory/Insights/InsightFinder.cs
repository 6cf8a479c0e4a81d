using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Insights;

/// <summary>Checks memories, finds the insights in them, and says what an insight is about.</summary>
/// <param name="detector">What finds and judges insights.</param>
/// <param name="options">The limits.</param>
/// <param name="logger">Where its failures go.</param>
internal sealed partial class InsightFinder(IInsightDetector detector, UnifiedMemoryOptions options, ILogger logger)
{
    private const string MetadataMember = "insight";

    /// <exception cref="ArgumentException">A value is not allowed; the message says which, why, and the way out.</exception>
    public PreparedMemory Prepare(ReceivedMemory received)
    {
        var details = received.Memory?.Insight;
        if (details is not null)
            MemoryRules.RequireInsight(details);

        // Checked first: a detector is given only what can be stored.
        var memory = PreparedMemory.From(received, options.MaxContentBytes);
        if (memory.Source.Type != MemoryType.Insight)
        {
            return details is null
                ? memory with { Found = FindIn(received, received.Id) }
                : memory with { Found = [Derive(received, received.Id, 0, Describe(memory.Source, received.Id))], IsMarked = true };
        }

        if (details is null)
            return memory with { IsForSinks = true };
        var facts = FactsOf(Describe(memory.Source, received.Id), sourceId: null);
        var detailed = received with { Memory = memory.Source with { Metadata = WithDetails(memory.Source.Metadata, facts) } };
        return PreparedMemory.From(detailed, options.MaxContentBytes) with { IsForSinks = true, Insight = facts };
    }

    /// <summary>The insights in a memory, those of enough confidence, each once.</summary>
    /// <param name="received">The memory, which is checked.</param>
    /// <param name="place">The id that those of the insights come right after.</param>
    public IReadOnlyList<PreparedMemory> FindIn(ReceivedMemory received, Guid place)
    {
        if (options.Insights.MaxPerMemory == 0)
            return [];
        var found = new List<PreparedMemory>();
        try
        {
            foreach (var insight in detector.Find(received.Memory))
            {
                if (found.Count == options.Insights.MaxPerMemory)
                    break;
                if (!(insight.Confidence >= options.Insights.MinimumConfidence))
                    continue;
                if (TryDerive(received, place, found.Count, insight) is { } prepared && !found.Exists(other => other.Identity == prepared.Identity))
                    found.Add(prepared);
            }
        }
        catch (Exception exception)
        {
            Log.DetectionFailed(logger, received.Id, exception.GetType().Name);
        }

        return found;
    }

    /// <summary>The insight as one of another memory: its source was there already, under another id.</summary>
    public static PreparedMemory Link(PreparedMemory insight, Guid sourceId)
    {
        var metadata = (JsonObject)insight.Source.Metadata!.DeepClone();
        metadata[MetadataMember]!["source"] = sourceId.ToString();
        return insight with
        {
            Source = insight.Source with { Metadata = metadata },
            MetadataJson = MetadataJson.Serialize(metadata, nameof(NewMemory.Metadata)),
            Insight = insight.Insight! with { SourceId = sourceId },
        };
    }

    private DetectedInsight Describe(NewMemory memory, Guid id)
    {
        var insight = new DetectedInsight(memory.Content, InsightType.General, 0.5);
        try
        {
            insight = detector.Describe(memory) with { Content = memory.Content };
            _ = FactsOf(insight, sourceId: null);
        }
        catch (Exception exception)
        {
            Log.DetectionFailed(logger, id, exception.GetType().Name);
            insight = new DetectedInsight(memory.Content, InsightType.General, 0.5);
        }

        return memory.Insight is not { } details ? insight : insight with
        {
            Type = details.Type ?? insight.Type,
            Topics = details.Topics ?? insight.Topics,
            Projects = details.Projects ?? insight.Projects,
            Confidence = details.Confidence ?? insight.Confidence,
        };
    }

    /// <summary>Null for one that cannot be stored; those after it can.</summary>
    private PreparedMemory? TryDerive(ReceivedMemory received, Guid place, int number, DetectedInsight insight)
    {
        try
        {
            return Derive(received, place, number, insight);
        }
        catch (Exception exception)
        {
            Log.DetectionFailed(logger, received.Id, exception.GetType().Name);
            return null;
        }
    }

    /// <summary>
    /// What was found is known to the whole namespace: it belongs to no agent, session or workflow, so that the same insight is kept
    /// once wherever it comes up again.
    /// </summary>
    private PreparedMemory Derive(ReceivedMemory received, Guid place, int number, DetectedInsight insight)
    {
        var source = received.Memory;
        var facts = FactsOf(insight, received.Id);
        var memory = new NewMemory(insight.Content, MemoryType.Insight)
        {
            Namespace = source.Namespace,
            Metadata = WithDetails(null, facts),
            Tags = source.Tags,
            SourceSystem = source.SourceSystem,
            Importance = source.Importance,
            CreatedAt = source.CreatedAt,
            ExpiresAt = source.ExpiresAt,
        };
        var derived = received with { Memory = memory, Id = MemoryIds.Within(place, number) };
        return PreparedMemory.From(derived, options.MaxContentBytes) with { IsForSinks = true, Insight = facts };
    }

    private static InsightFacts FactsOf(DetectedInsight insight, Guid? sourceId)
    {
        MemoryRules.RequireInsight(new InsightDetails
        {
            Type = insight.Type,
            Topics = insight.Topics,
            Projects = insight.Projects,
            Confidence = insight.Confidence,
        });
        return new InsightFacts(insight.Type, insight.Confidence, [.. insight.Topics.Distinct()], [.. insight.Projects.Distinct()], sourceId);
    }

    private static JsonObject WithDetails(JsonObject? metadata, InsightFacts facts)
    {
        if (metadata?.ContainsKey(MetadataMember) == true)
        {
            throw new ArgumentException(
                $"Metadata has a member '{MetadataMember}', which is where the details of an insight are kept. Rename it, or leave Insight null.");
        }

        var merged = metadata is null ? [] : (JsonObject)metadata.DeepClone();
        merged[MetadataMember] = facts.ToJson();
        return merged;
    }
}
