using System.Runtime.CompilerServices;

namespace UnifiedMemory.Backup.Tests;

/// <summary>Stops in the middle of a file, so that a test can do something then.</summary>
internal sealed class HeldTarget(IBackupTarget inner, string suffix, Func<CancellationToken, Task> onHeld, int afterBytes = 1) : IBackupTarget
{
    /// <summary>Of files that cannot be deleted.</summary>
    public string? KeptSuffix { get; init; }

    /// <summary>The files that were read.</summary>
    public List<string> Reads { get; } = [];

    public string Description => inner.Description;

    public Task WriteAsync(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) =>
        !name.EndsWith(suffix, StringComparison.Ordinal)
            ? inner.WriteAsync(name, write, cancellationToken)
            : inner.WriteAsync(name, async (stream, token) =>
            {
                await using var held = new HeldStream(stream, onHeld, afterBytes);
                if (afterBytes == 0)
                    await onHeld(token);
                await write(held, token);
            }, cancellationToken);

    public Task<Stream> OpenReadAsync(string name, CancellationToken cancellationToken)
    {
        Reads.Add(name);
        return inner.OpenReadAsync(name, cancellationToken);
    }

    public async IAsyncEnumerable<BackupFile> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var file in inner.ListAsync(prefix, cancellationToken))
            yield return file;
    }

    public Task DeleteAsync(string name, CancellationToken cancellationToken) =>
        KeptSuffix is not null && name.EndsWith(KeptSuffix, StringComparison.Ordinal)
            ? throw new IOException($"{name} is in use") : inner.DeleteAsync(name, cancellationToken);

    public Task<int> RemoveLeftoversAsync(string prefix, CancellationToken cancellationToken) => inner.RemoveLeftoversAsync(prefix, cancellationToken);

    private sealed class HeldStream(Stream inner, Func<CancellationToken, Task> onHeld, int afterBytes) : Stream
    {
        private bool _held = afterBytes == 0;
        private long _bytes;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _bytes;

        public override long Position { get => _bytes; set => throw new NotSupportedException(); }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await inner.WriteAsync(buffer, cancellationToken);
            await inner.FlushAsync(cancellationToken);
            _bytes += buffer.Length;
            if (_held || _bytes < afterBytes)
                return;
            _held = true;
            await onHeld(cancellationToken);
        }

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
