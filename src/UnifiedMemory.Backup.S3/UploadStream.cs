namespace UnifiedMemory.Backup;

/// <summary>Collects what is written into parts. The object exists when <see cref="CompleteAsync"/> has returned.</summary>
internal sealed class UploadStream(ObjectUpload upload, int partBytes) : Stream
{
    private readonly byte[] _buffer = new byte[partBytes];
    private int _count;
    private long _bytes;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _bytes;

    public override long Position { get => _bytes; set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            if (_count == partBytes)
                await SendAsync(cancellationToken).ConfigureAwait(false);
            var taken = Math.Min(buffer.Length, partBytes - _count);
            buffer[..taken].CopyTo(_buffer.AsMemory(_count));
            _count += taken;
            _bytes += taken;
            buffer = buffer[taken..];
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (!upload.HasParts)
        {
            await upload.PutAsync(_buffer, _count, cancellationToken).ConfigureAwait(false);
            return;
        }

        await SendAsync(cancellationToken).ConfigureAwait(false);
        await upload.CompleteAsync(cancellationToken).ConfigureAwait(false);
    }

    public Task AbortAsync() => upload.AbortAsync();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Parts are sent asynchronously: use WriteAsync.");

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        await upload.SendPartAsync(_buffer, _count, cancellationToken).ConfigureAwait(false);
        _count = 0;
    }
}
