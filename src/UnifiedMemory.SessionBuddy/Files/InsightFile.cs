using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>Writes insights into Session-Buddy's file while it does not run.</summary>
internal sealed class InsightFile(SessionBuddyOptions options, TimeProvider time)
{
    public string Path { get; } = DuckDbFile.Resolve(options.FilePath);

    public async Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken)
    {
        try
        {
            return await DuckDbFile.RunAsync(Path, readOnly: false, (connection, token) => Write(connection, insight, token), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is FileUnavailableException or UnknownLayoutException)
        {
            // None is the insight's fault: the server, or the file as it is then, may take it later.
            return InsightDelivery.Unavailable(exception.Message);
        }
        catch (DuckDBException exception)
        {
            // Its message may quote a value.
            return InsightDelivery.Unavailable($"DuckDB could not write into {Path}: {exception.ErrorType} error.");
        }
    }

    /// <summary>
    /// Looks before it inserts, in one transaction: an earlier try may have been committed, here or through the server. A try that was
    /// ended writes nothing, since the next one may go through the server. One window stays: the host is killed between this
    /// commit and the store's record of it.
    /// </summary>
    private InsightDelivery Write(DuckDBConnection connection, Insight insight, CancellationToken cancellationToken)
    {
        var layout = ReflectionLayout.Of(DuckDbFile.TablesOf(connection), options.CollectionTag);
        if (options.VectorExtension is { } extension)
            VectorIndexes.Load(connection, extension);
        VectorIndexes.RequireNoUnbound(connection, layout.Table);
        var id = Ulid.From(insight.Id);
        using var transaction = connection.BeginTransaction();
        using (var find = DuckDbFile.CommandOf(connection, layout.FindSql, ("id", id), ("memory_id", InsightTags.MemoryId(insight.Id))))
        {
            if (Convert.ToInt64(find.ExecuteScalar(), null) > 0)
                return InsightDelivery.Delivered;
        }

        cancellationToken.ThrowIfCancellationRequested();
        using (var insert = DuckDbFile.CommandOf(
            connection,
            layout.InsertSql,
            ("id", id),
            ("content", InjectionPhrases.Neutralize(insight.Content)),
            ("tags", InsightTags.Of(insight, options.CollectionTag)),
            ("created_at", insight.CreatedAt.UtcDateTime),
            ("now", time.GetUtcNow().UtcDateTime),
            ("insight_type", InsightTags.NameOf(insight.Type)),
            ("confidence", (float)insight.Confidence),
            ("metadata", MetadataOf(insight))))
        {
            if (layout.HasProject)
                insert.Parameters.Add(new DuckDBParameter("project", insight.Projects.Count == 0 ? DBNull.Value : insight.Projects[0]));
            insert.ExecuteNonQuery();
        }

        cancellationToken.ThrowIfCancellationRequested();
        transaction.Commit();
        return InsightDelivery.Delivered;
    }

    /// <summary>Without a number in <c>quality_score</c> Session-Buddy's <c>search_insights</c> would not find the row.</summary>
    private string MetadataOf(Insight insight) => new JsonObject
    {
        ["quality_score"] = options.QualityScore ?? insight.Confidence,
        ["source"] = "UnifiedMemory",
        ["memory_id"] = insight.Id.ToString(),
        ["source_id"] = insight.SourceId?.ToString(),
        ["namespace"] = insight.Namespace,
        ["topics"] = new JsonArray([.. insight.Topics.Select(topic => (JsonNode)topic)]),
        ["projects"] = new JsonArray([.. insight.Projects.Select(project => (JsonNode)project)]),
    }.ToJsonString();
}
