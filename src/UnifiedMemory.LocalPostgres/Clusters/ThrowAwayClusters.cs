using UnifiedMemory.Installations;
using UnifiedMemory.Machines;

namespace UnifiedMemory.Clusters;

/// <summary>The clusters that go with their process, and the removal of those whose process went first.</summary>
internal sealed class ThrowAwayClusters(Machine machine, TimeProvider time)
{
    private readonly string _parent = Path.Combine(machine.StateDirectory, "throw-away");

    private string LockFile => Path.Combine(_parent, "lock");

    /// <summary>Makes a directory with the lease of its only user.</summary>
    public async Task<(ClusterDirectory Directory, Lease Lease)> CreateAsync(
        TimeSpan timeout, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_parent);
        // Under the lock, so that nobody removes a directory that has no lease yet.
        using var taken = await FileLock.TakeAsync(LockFile, timeout, time, cancellationToken).ConfigureAwait(false);
        var directory = new ClusterDirectory(Path.Combine(_parent, Guid.NewGuid().ToString("N")[..12]), machine.ServerUser);
        try
        {
            await directory.CreateAsync(cancellationToken).ConfigureAwait(false);
            return (directory, Lease.Take(directory.Leases));
        }
        catch
        {
            await directory.DeleteAsync(time).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Stops and deletes what dead processes have left, unless another process is at it.</summary>
    public async Task RemoveLeftoversAsync(PostgresInstallation installation, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_parent);
        using var taken = FileLock.TakeOrNull(LockFile);
        if (taken is null)
            return;
        foreach (var path in Directory.GetDirectories(_parent))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var directory = new ClusterDirectory(path, machine.ServerUser);
            if (Lease.AnyAlive(directory.Leases))
                continue;
            // Any version's pg_ctl stops any version's server.
            await new Cluster(installation, directory, time).StopAsync(ClusterShutdown.Immediate).ConfigureAwait(false);
            await directory.DeleteAsync(time).ConfigureAwait(false);
        }
    }
}
