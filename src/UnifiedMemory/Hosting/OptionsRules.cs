using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using Npgsql;
using UnifiedMemory.Indexing;

namespace UnifiedMemory.Hosting;

/// <summary>Checks the options, all of them, so that one start shows every mistake.</summary>
internal sealed partial class OptionsRules : IValidateOptions<UnifiedMemoryOptions>
{
    public ValidateOptionsResult Validate(string? name, UnifiedMemoryOptions options)
    {
        var mistakes = MistakesIn(options).ToList();
        return mistakes.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(mistakes);
    }

    public static IEnumerable<string> MistakesIn(UnifiedMemoryOptions options, IEmbeddingProvider provider)
    {
        foreach (var mistake in MistakesIn(options))
            yield return mistake;
        var halfPrecision = options.Indexes?.HalfPrecision == true;
        var most = VectorIndexDefinition.MaxDimensionsOf(halfPrecision);
        if (provider.Dimensions < 1 || provider.Dimensions > most)
        {
            yield return $"The embedding provider's Dimensions is {provider.Dimensions}; pgvector indexes 1 to {most}"
                + (halfPrecision ? ". " : $", or {VectorIndexDefinition.MaxHalfDimensions} with Indexes.HalfPrecision. ")
                + "Use a model with fewer, or one that can shorten its vectors.";
        }
    }

    public static IEnumerable<string> MistakesIn(UnifiedMemoryOptions options)
    {
        if (ConnectionStringMistake(options.ConnectionString) is { } connectionMistake)
            yield return connectionMistake;
        if (options.SchemaPrefix is null || !SchemaPrefixPattern().IsMatch(options.SchemaPrefix))
            yield return $"SchemaPrefix is '{options.SchemaPrefix}'; it is empty, or a lower-case letter and then up to 31 of a-z 0-9 _, for example 'blue_'.";
        if (string.IsNullOrWhiteSpace(options.ApplicationName) || options.ApplicationName.Length > 63)
            yield return $"ApplicationName is '{options.ApplicationName}'; give 1 to 63 characters.";
        if (options.MaxPoolSize is < 1 or > 1000)
            yield return $"MaxPoolSize is {options.MaxPoolSize}; give 1 to 1000, 20 for most hosts.";
        if (options.MinPoolSize < 0 || options.MinPoolSize > options.MaxPoolSize)
            yield return $"MinPoolSize is {options.MinPoolSize}; give 0 to MaxPoolSize, which is {options.MaxPoolSize}.";
        if (!(options.MaxContentBytes is >= 1 and <= 64 * 1024 * 1024))
            yield return $"MaxContentBytes is {options.MaxContentBytes}; give 1 to {64 * 1024 * 1024}.";
        if (options.StoreBatchSize is < 1 or > 10_000)
            yield return $"StoreBatchSize is {options.StoreBatchSize}; give 1 to 10000.";
        if (options.QueryCacheSize is < 0 or > 1_000_000)
            yield return $"QueryCacheSize is {options.QueryCacheSize}; give 0 (off) to 1000000.";
        if (!Enum.IsDefined(options.MigrateOnStart))
            yield return $"MigrateOnStart is {options.MigrateOnStart}; give Off, Check or Apply.";

        if (options.TextSearchConfiguration is null || !TextSearchConfigurationPattern().IsMatch(options.TextSearchConfiguration))
        {
            yield return $"TextSearchConfiguration is '{options.TextSearchConfiguration}'; give the name of a text search configuration of the server, "
                + "for example 'english', 'simple' or 'extra.german'.";
        }

        foreach (var (name, value, minimum, maximum) in Durations(options))
        {
            if (value < minimum || value > maximum)
                yield return $"{name} is {value}; give {minimum} to {maximum}.";
        }

        foreach (var mistake in MistakesIn(options.Indexes).Concat(InsightRules.MistakesIn(options.Insights)))
            yield return mistake;

        if (options.Hnsw is not { } hnsw)
        {
            yield return "Hnsw is null; leave it out for the defaults.";
            yield break;
        }

        if (hnsw.M is < 2 or > 100)
            yield return $"Hnsw.M is {hnsw.M}; give 2 to 100.";
        var links = hnsw.M ?? VectorIndexDefinition.DefaultLinks;
        if (hnsw.EfConstruction < 2 * links || hnsw.EfConstruction is < 4 or > 1000)
            yield return $"Hnsw.EfConstruction is {hnsw.EfConstruction}; give 2·M (which is {2 * links}) to 1000.";
        if (hnsw.EfSearch is < 1 or > 1000)
            yield return $"Hnsw.EfSearch is {hnsw.EfSearch}; give 1 to 1000.";
    }

    private static IEnumerable<string> MistakesIn(IndexMaintenanceOptions? indexes)
    {
        const long smallestMemory = 64L * 1024 * 1024;
        const long largestMemory = 1024L * 1024 * 1024 * 1024;
        if (indexes is null)
        {
            yield return "Indexes is null; leave it out for the defaults.";
            yield break;
        }

        if (indexes.Interval != TimeSpan.Zero && (indexes.Interval < TimeSpan.FromSeconds(1) || indexes.Interval > TimeSpan.FromDays(30)))
            yield return $"Indexes.Interval is {indexes.Interval}; give 00:00:01 to 30.00:00:00, or zero for never.";
        if (indexes.LockTimeout < TimeSpan.FromMilliseconds(100) || indexes.LockTimeout > TimeSpan.FromHours(1))
            yield return $"Indexes.LockTimeout is {indexes.LockTimeout}; give 00:00:00.1 to 01:00:00, 1 minute for most stores.";
        if (indexes.Threshold < 1)
            yield return $"Indexes.Threshold is {indexes.Threshold}; give 1 or more, 10000 for most stores.";
        if (indexes.TypeThreshold < 1)
            yield return $"Indexes.TypeThreshold is {indexes.TypeThreshold}; give 1 or more, 2000 for most stores.";
        if (indexes.Method is { } method && !Enum.IsDefined(method))
            yield return $"Indexes.Method is {method}; give Hnsw or IvfFlat, or leave it out.";
        if (!(indexes.TargetRecall is >= 0.5 and <= 1))
            yield return $"Indexes.TargetRecall is {indexes.TargetRecall}; give 0.5 to 1, 0.97 for most stores.";
        if (indexes.MaxMemoryBytes is < smallestMemory or > largestMemory)
            yield return $"Indexes.MaxMemoryBytes is {indexes.MaxMemoryBytes}; give {smallestMemory} (64 MiB) to {largestMemory} (1 TiB).";
    }

    private static IEnumerable<(string Name, TimeSpan Value, TimeSpan Minimum, TimeSpan Maximum)> Durations(UnifiedMemoryOptions options)
    {
        var second = TimeSpan.FromSeconds(1);
        yield return (nameof(options.AcquisitionTimeout), options.AcquisitionTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1));
        yield return (nameof(options.ConnectionLifetime), options.ConnectionLifetime, second, TimeSpan.FromDays(7));
        yield return (nameof(options.CommandTimeout), options.CommandTimeout, second, TimeSpan.FromHours(1));
        yield return (nameof(options.RetryBudget), options.RetryBudget, TimeSpan.Zero, TimeSpan.FromHours(1));
        if (options.PurgeInterval != TimeSpan.Zero)
            yield return (nameof(options.PurgeInterval), options.PurgeInterval, second, TimeSpan.FromDays(30));
    }

    private static string? ConnectionStringMistake(string? connectionString)
    {
        const string example = "Give an Npgsql connection string such as Host=localhost;Database=memory;Username=app;Password=…";
        if (string.IsNullOrWhiteSpace(connectionString))
            return $"ConnectionString is empty. {example}.";
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(connectionString);
            return string.IsNullOrWhiteSpace(builder.Host) ? $"ConnectionString names no Host. {example}." : null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or KeyNotFoundException or InvalidCastException)
        {
            // The message may quote a value, and the value may be the password.
            return $"ConnectionString cannot be read ({exception.GetType().Name}). {example}.";
        }
    }

    [GeneratedRegex(@"\A[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?\z")]
    private static partial Regex TextSearchConfigurationPattern();

    [GeneratedRegex(@"\A([a-z][a-z0-9_]{0,31})?\z")]
    private static partial Regex SchemaPrefixPattern();
}
