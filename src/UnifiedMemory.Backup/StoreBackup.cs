using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Hosting;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup;

/// <summary>
/// The backups of one store: made, proven by restoring them, kept, and restored. Thread-safe. The files in the
/// <see cref="IBackupTarget"/> are all that it knows; any machine that reaches them can restore.
/// </summary>
/// <remarks>
/// A call fails with <see cref="ArgumentException"/> when it was given something wrong, and with <see cref="UnifiedMemoryException"/>
/// when the server, a program of PostgreSQL's or the target failed. What a verification finds is in its report.
/// </remarks>
public sealed partial class StoreBackup
{
    private readonly BackupOptions _options;
    private readonly StoreNames _names;
    private readonly ServerAddress _address;
    private readonly PostgresPrograms _programs;
    private readonly BackupCatalogue _catalogue;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    private StoreBackup(UnifiedMemoryOptions store, BackupOptions options, ILogger logger, TimeProvider time)
    {
        _options = options;
        _names = new StoreNames(store.SchemaPrefix);
        _address = new ServerAddress(options.ConnectionString ?? store.ConnectionString);
        _programs = new PostgresPrograms(options.BinDirectory);
        _catalogue = new BackupCatalogue(options.Target!, _names.Main);
        _logger = logger;
        _time = time;
    }

    /// <summary>Makes it without a container. Nothing is sent to the server yet.</summary>
    /// <param name="store">The options of the store: where it is, and its <see cref="UnifiedMemoryOptions.SchemaPrefix"/>.</param>
    /// <param name="options">How it is backed up.</param>
    /// <param name="loggerFactory">Where logs go. Default: nowhere.</param>
    /// <param name="timeProvider">The clock. Default: the system's.</param>
    /// <exception cref="OptionsValidationException">Options are not valid; the message lists every mistake.</exception>
    public static StoreBackup Create(
        UnifiedMemoryOptions store, BackupOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(options);
        var mistakes = BackupOptionsRules.MistakesIn(options).ToList();
        if (mistakes.Count > 0)
            throw new OptionsValidationException(nameof(BackupOptions), typeof(BackupOptions), mistakes);
        return new StoreBackup(
            store, options, (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<StoreBackup>(), timeProvider ?? TimeProvider.System);
    }

    internal BackupOptions Options => _options;

    /// <summary>The backups that there are, the newest first.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<IReadOnlyList<BackupEntry>> ListAsync(CancellationToken cancellationToken = default) =>
        _catalogue.ListAsync(cancellationToken);

    /// <summary>What a backup is.</summary>
    /// <param name="id">The backup.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="FileNotFoundException">There is no such backup.</exception>
    /// <exception cref="System.Text.Json.JsonException">The manifest is damaged.</exception>
    public Task<BackupManifest> GetManifestAsync(string id, CancellationToken cancellationToken = default) =>
        _catalogue.ReadManifestAsync(BackupId.Parse(id), cancellationToken);

    /// <summary>What the last verification of a backup found; <c>null</c> when there was none.</summary>
    /// <param name="id">The backup.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<VerificationReport?> GetReportAsync(string id, CancellationToken cancellationToken = default) =>
        _catalogue.ReadReportAsync(BackupId.Parse(id), cancellationToken);

    /// <summary>Deletes a backup, whatever is known of it.</summary>
    /// <param name="id">The backup.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task DeleteAsync(string id, CancellationToken cancellationToken = default) =>
        _catalogue.DeleteAsync(BackupId.Parse(id), cancellationToken);

    /// <summary>Foreign failures under one exception; cancelling and mistakes of the caller stay what they are.</summary>
    private static async Task<T> GuardAsync<T>(string operation, Func<Task<T>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is (IOException and not FileNotFoundException) or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            throw new UnifiedMemoryException(operation, $"The {operation} failed: {exception.Message}", isTransient: false, exception);
        }
        catch (NpgsqlException exception)
        {
            throw new UnifiedMemoryException(operation, $"The {operation} failed on the server: {exception.Message}", exception.IsTransient, exception)
            {
                SqlState = exception.SqlState,
            };
        }
    }
}
