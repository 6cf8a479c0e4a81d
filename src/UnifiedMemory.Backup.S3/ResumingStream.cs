using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace UnifiedMemory.Backup;

/// <summary>Reads an object, and goes on where it was when the connection is lost.</summary>
internal sealed class ResumingStream : Stream
{
    private const int Attempts = 5;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    private readonly IAmazonS3 _client;
    private readonly GetObjectRequest _request;
    private readonly TimeProvider _time;
    private readonly long _length;
    private GetObjectResponse _response;
    private long _position;

    private ResumingStream(IAmazonS3 client, GetObjectRequest request, GetObjectResponse response, TimeProvider time)
    {
        _client = client;
        _request = request;
        _response = response;
        _time = time;
        _length = response.ContentLength;

        // Of the same object, or not at all.
        _request.EtagToMatch = response.ETag;
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => _length;

    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public static async Task<ResumingStream> OpenAsync(
        IAmazonS3 client, string bucket, string key, TimeProvider time, CancellationToken cancellationToken)
    {
        var request = new GetObjectRequest { BucketName = bucket, Key = key };
        return new ResumingStream(client, request, await client.GetObjectAsync(request, cancellationToken).ConfigureAwait(false), time);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var read = await _response.ResponseStream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
                if (read == 0 && buffer.Length > 0 && _position < _length)
                    throw new IOException($"{_request.Key} ended at byte {_position} of {_length}.");
                _position += read;
                return read;
            }
            catch (Exception exception) when (ObjectUpload.MayPass(exception) && !cancellationToken.IsCancellationRequested)
            {
                if (attempt == Attempts)
                    throw Failed(exception);
                await Task.Delay(FirstDelay * Math.Pow(2, attempt - 1), _time, cancellationToken).ConfigureAwait(false);
                await ReopenAsync(attempt, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("It is read asynchronously: use ReadAsync.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _response.Dispose();
        base.Dispose(disposing);
    }

    private async Task ReopenAsync(int attempt, CancellationToken cancellationToken)
    {
        _request.ByteRange = new ByteRange(_position, _length - 1);
        try
        {
            var response = await _client.GetObjectAsync(_request, cancellationToken).ConfigureAwait(false);
            _response.Dispose();
            _response = response;
        }
        catch (Exception exception) when (attempt < Attempts - 1 && ObjectUpload.MayPass(exception))
        {
            // The next read fails, and tries once more.
        }
        catch (Exception exception) when (exception is AmazonClientException or AmazonServiceException || ObjectUpload.IsOfNetwork(exception))
        {
            throw Failed(exception);
        }
    }

    private IOException Failed(Exception exception) =>
        new($"{_request.Key} could not be read beyond byte {_position} of {_length}: {exception.Message}", exception);
}
