using UnifiedMemory.Postgres;

namespace UnifiedMemory.Migrations;

/// <summary>What a database must fulfil before a store works on it.</summary>
internal static class StoreChecks
{
    public static void RequireNotNewer(StoreSchema schema, StoreState state, IReadOnlyList<SchemaStep> steps)
    {
        var unknown = state.Applied.Where(version => version > steps[^1].Version).ToList();
        if (unknown.Count > 0)
        {
            throw Failure(
                $"The schema '{schema.Name}' is at version {unknown[^1]}, newer than this library, which knows {steps[^1].Version}. "
                + "Update the UnifiedMemory package of this host.");
        }
    }

    public static void RequireMigrated(StoreSchema schema, StoreState state, IReadOnlyList<SchemaStep> steps)
    {
        RequireNotNewer(schema, state, steps);
        var pending = Pending(state, steps);
        if (pending.Count > 0)
        {
            throw Failure(
                $"The schema '{schema.Name}' lacks version {string.Join(", ", pending)}. Call MigrateAsync(), or set "
                + $"{nameof(UnifiedMemoryOptions)}.{nameof(UnifiedMemoryOptions.MigrateOnStart)} to {nameof(MigrateOnStart.Apply)}.");
        }
    }

    public static IReadOnlyList<long> Pending(StoreState state, IReadOnlyList<SchemaStep> steps) =>
        [.. steps.Select(step => step.Version).Except(state.Applied)];

    public static void RequirePgvector(StoreState state)
    {
        if (state.PgvectorVersion is { } version && version < ServerRequirements.MinimumPgvector)
        {
            throw Failure(
                $"This database has pgvector {version}; at least {ServerRequirements.MinimumPgvector} is needed. "
                + $"{ServerRequirements.NewerPgvector}, and have an administrator run in this database: ALTER EXTENSION vector UPDATE;");
        }

        if (state.PgvectorHiddenIn is { } hidden)
        {
            throw Failure(
                $"pgvector is in the schema {hidden} of this database, where the connection does not look. Add Search Path='{hidden},public' "
                + "to the connection string, or have an administrator run in this database: ALTER EXTENSION vector SET SCHEMA public;");
        }
    }

    /// <summary>Of a database that has no vectors yet, nothing is required.</summary>
    public static void RequireSpace(StoreSchema schema, StoreState state, EmbeddingSpace space)
    {
        if (state.Version == 0)
            return;
        if (state.Space is not { } recorded)
        {
            throw Failure(
                $"The table {schema.EmbeddingSpace} is empty, so nothing says which model made the vectors of this store. Restore its row from "
                + "a backup. Or give the memories up and begin anew: MigrateDownAsync(0), then MigrateAsync().");
        }

        var differences = new List<string>();
        Compare("provider", recorded.Provider, space.Provider);
        Compare("model", recorded.Model, space.Model);
        Compare("dimensions", recorded.Dimensions, space.Dimensions);
        Compare("document prefix", recorded.DocumentPrefix, space.DocumentPrefix);
        Compare("query prefix", recorded.QueryPrefix, space.QueryPrefix);
        if (recorded.Digest is not null && space.Digest is not null)
            Compare("digest", recorded.Digest, space.Digest);
        if (differences.Count > 0)
        {
            throw Failure(
                $"The schema '{schema.Name}' holds vectors of another embedding space: {string.Join(", ", differences)}. Vectors of "
                + "two spaces cannot be compared. Use the recorded model, or another SchemaPrefix for a new store and store the memories there.");
        }

        void Compare<T>(string what, T stored, T configured)
        {
            if (!EqualityComparer<T>.Default.Equals(stored, configured))
                differences.Add($"{what} is '{stored}' in the store and '{configured}' here");
        }
    }

    public static void RequireTextConfiguration(StoreSchema schema, StoreState state, string configured)
    {
        if (state.TextConfiguration is { } recorded && recorded != configured)
        {
            throw Failure(
                $"The words in the schema '{schema.Name}' were made with the text search configuration '{recorded}', and "
                + $"{nameof(UnifiedMemoryOptions.TextSearchConfiguration)} is '{configured}'. Set it to the recorded one. Or make the words anew, "
                + "which keeps the memories: MigrateDownAsync(1), then MigrateAsync().");
        }
    }

    private static UnifiedMemoryException Failure(string message) => new("open", message, isTransient: false);
}
