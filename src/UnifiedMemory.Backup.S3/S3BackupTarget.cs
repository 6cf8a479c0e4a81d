using System.Net;
using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace UnifiedMemory.Backup;

/// <summary>Backups in a bucket of S3, or of a store with its interface. Failures of the store are <see cref="IOException"/>.</summary>
public sealed class S3BackupTarget : IBackupTarget
{
    private readonly IAmazonS3 _client;
    private readonly string _bucket;
    private readonly string _prefix;
    private readonly int _partBytes;
    private readonly TimeProvider _time;

    /// <summary>Names the bucket, which must exist.</summary>
    /// <param name="client">Has endpoint, region and credentials, and stays the caller's.</param>
    /// <param name="bucket">The bucket.</param>
    /// <param name="prefix">Put in front of every name, for example <c>production/</c>. One for each store.</param>
    /// <param name="partBytes">
    /// Size of a part, 5 MiB to 1 GiB. One is held in memory, and 10,000 make the largest backup. Default: 16 MiB, for 156 GiB.
    /// </param>
    /// <param name="timeProvider">The clock for waiting. Default: the system's.</param>
    public S3BackupTarget(IAmazonS3 client, string bucket, string prefix = "", int partBytes = 16 << 20, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentException.ThrowIfNullOrWhiteSpace(bucket);
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentOutOfRangeException.ThrowIfLessThan(partBytes, 5 << 20);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(partBytes, 1 << 30);
        _client = client;
        _bucket = bucket;
        _prefix = prefix;
        _partBytes = partBytes;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public string Description => $"s3://{_bucket}/{_prefix}";

    /// <inheritdoc/>
    public Task WriteAsync(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(write);
        return AsIoAsync(async () =>
        {
            var upload = new UploadStream(new ObjectUpload(_client, _bucket, KeyOf(name), _time), _partBytes);
            await using (upload.ConfigureAwait(false))
            {
                try
                {
                    await write(upload, cancellationToken).ConfigureAwait(false);
                    await upload.CompleteAsync(cancellationToken).ConfigureAwait(false);
                }
                catch
                {
                    await upload.AbortAsync().ConfigureAwait(false);
                    throw;
                }
            }

            return true;
        });
    }

    /// <inheritdoc/>
    public Task<Stream> OpenReadAsync(string name, CancellationToken cancellationToken) =>
        AsIoAsync<Stream>(async () => await ResumingStream.OpenAsync(_client, _bucket, KeyOf(name), _time, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async IAsyncEnumerable<BackupFile> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = _bucket, Prefix = KeyOf(prefix) };
        while (true)
        {
            var page = await AsIoAsync(() => _client.ListObjectsV2Async(request, cancellationToken)).ConfigureAwait(false);
            foreach (var file in page.S3Objects ?? [])
                yield return new BackupFile(file.Key[_prefix.Length..], file.Size ?? 0);
            if (page.IsTruncated != true)
                yield break;
            request.ContinuationToken = page.NextContinuationToken;
        }
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await AsIoAsync(() => _client.DeleteObjectAsync(_bucket, KeyOf(name), cancellationToken)).ConfigureAwait(false);
        }
        catch (FileNotFoundException)
        {
            // Google's store says so, and Amazon's does not.
        }
    }

    /// <inheritdoc/>
    public Task<int> RemoveLeftoversAsync(string prefix, CancellationToken cancellationToken) => AsIoAsync(async () =>
    {
        var removed = 0;
        var request = new ListMultipartUploadsRequest { BucketName = _bucket, Prefix = KeyOf(prefix) };
        while (true)
        {
            var page = await _client.ListMultipartUploadsAsync(request, cancellationToken).ConfigureAwait(false);
            foreach (var upload in page.MultipartUploads ?? [])
            {
                // Not every store looks at the prefix.
                if (!upload.Key.StartsWith(request.Prefix, StringComparison.Ordinal))
                    continue;
                await _client.AbortMultipartUploadAsync(_bucket, upload.Key, upload.UploadId, cancellationToken).ConfigureAwait(false);
                removed++;
            }

            if (page.IsTruncated != true)
                return removed;
            request.KeyMarker = page.NextKeyMarker;
            request.UploadIdMarker = page.NextUploadIdMarker;
        }
    });

    private string KeyOf(string name) => _prefix + name;

    private async Task<T> AsIoAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.NotFound && exception.ErrorCode is "NoSuchKey" or "NotFound")
        {
            throw new FileNotFoundException($"There is no such object in {Description}.", exception);
        }
        catch (Exception exception) when (exception is AmazonClientException or AmazonServiceException || (exception is not IOException && ObjectUpload.IsOfNetwork(exception)))
        {
            throw new IOException($"{Description} failed: {exception.Message}", exception);
        }
    }
}
