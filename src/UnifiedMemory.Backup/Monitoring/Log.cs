using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Backup.Monitoring;

/// <summary>Every log line of backups. Ids are stable. No memory content, no credentials.</summary>
internal static partial class Log
{
    [LoggerMessage(200, LogLevel.Information, "Backup {Id}: {Bytes} bytes in {Duration} to {Target}")]
    public static partial void Taken(ILogger logger, string id, long bytes, TimeSpan duration, string target);

    [LoggerMessage(201, LogLevel.Warning, "Removed {Count} files that an interrupted backup had left in {Target}")]
    public static partial void RemovedLeftovers(ILogger logger, int count, string target);

    [LoggerMessage(202, LogLevel.Error, "The {Kind} backup failed; it is tried again in {Delay}")]
    public static partial void BackupFailed(ILogger logger, Exception exception, BackupKind kind, TimeSpan delay);

    [LoggerMessage(203, LogLevel.Information, "Another host makes the backups of schema {Schema}")]
    public static partial void OtherHost(ILogger logger, string schema);

    [LoggerMessage(204, LogLevel.Warning, "What an unfinished backup {Id} has left in {Target} could not be deleted; the next backup does it")]
    public static partial void NotDeleted(ILogger logger, Exception exception, string id, string target);

    [LoggerMessage(205, LogLevel.Warning, "A marker of the backup could not be written to {Archive}: where others remove old log there, they do not see that it is needed from {FirstFile} on")]
    public static partial void NotMarked(ILogger logger, Exception exception, string archive, string firstFile);

    [LoggerMessage(210, LogLevel.Information, "Backup {Id} is verified: every check passed in {Duration}, recovery took {RecoveryTime}")]
    public static partial void Verified(ILogger logger, string id, TimeSpan duration, TimeSpan? recoveryTime);

    [LoggerMessage(211, LogLevel.Critical, "Backup {Id} CANNOT BE RELIED ON: {Failure}. Make another one now, and find out why")]
    public static partial void VerificationFailed(ILogger logger, string id, string failure);

    [LoggerMessage(212, LogLevel.Error, "The backup {Id} COULD NOT BE VERIFIED, which says nothing about it; it is tried again in {Delay}")]
    public static partial void VerificationImpossible(ILogger logger, Exception exception, string id, TimeSpan delay);

    [LoggerMessage(213, LogLevel.Warning, "The live server is out of reach: backup {Id} is verified without the lock that keeps other hosts from doing it, too")]
    public static partial void VerifiedWithoutLock(ILogger logger, Exception exception, string id);

    [LoggerMessage(220, LogLevel.Information, "Retention removed {Count} backups and {WalFiles} files of the write-ahead log")]
    public static partial void Removed(ILogger logger, int count, int walFiles);

    [LoggerMessage(221, LogLevel.Error, "Archiving the write-ahead log is in trouble, and recovery to a point in time with it: {Problems}")]
    public static partial void ArchivingInTrouble(ILogger logger, string problems);

    [LoggerMessage(222, LogLevel.Error, "Whether the write-ahead log is archived could not be seen")]
    public static partial void ArchivingUnknown(ILogger logger, Exception exception);

    [LoggerMessage(223, LogLevel.Error, "Backup {Id} is verified, and older ones could not be removed after it; that is tried again after the next one")]
    public static partial void RetentionFailed(ILogger logger, Exception exception, string id);

    [LoggerMessage(224, LogLevel.Warning, "Retention keeps older log for the backup of another store or target that {Marker} tells of. When that backup is gone, delete this file")]
    public static partial void KeptForOthers(ILogger logger, string marker);

    [LoggerMessage(230, LogLevel.Information, "Restored {Id} into {Destination} in {Duration}")]
    public static partial void Restored(ILogger logger, string id, string destination, TimeSpan duration);
}
