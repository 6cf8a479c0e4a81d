using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Xml;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace UnifiedMemory.Backup;

/// <summary>An object that is being written, in parts when it is large.</summary>
internal sealed class ObjectUpload(IAmazonS3 client, string bucket, string key, TimeProvider time)
{
    private const int Attempts = 5;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    private readonly List<PartETag> _parts = [];
    private readonly List<byte[]> _hashes = [];
    private string? _uploadId;
    private long _bytes;

    public bool HasParts => _uploadId is not null;

    /// <summary>Sends a part, again when the connection is lost: the store replaces a part with the same number.</summary>
    public async Task SendPartAsync(byte[] buffer, int count, CancellationToken cancellationToken)
    {
        _uploadId ??= (await RetryAsync(
            () => client.InitiateMultipartUploadAsync(bucket, key, cancellationToken), cancellationToken).ConfigureAwait(false)).UploadId;
        var hash = Md5(buffer.AsSpan(0, count));
        var number = _parts.Count + 1;
        var response = await RetryAsync(
            () => client.UploadPartAsync(
                new UploadPartRequest
                {
                    BucketName = bucket,
                    Key = key,
                    UploadId = _uploadId,
                    PartNumber = number,
                    PartSize = count,
                    InputStream = new MemoryStream(buffer, 0, count),
                    MD5Digest = Convert.ToBase64String(hash),
                }, cancellationToken), cancellationToken).ConfigureAwait(false);
        _parts.Add(new PartETag(number, response.ETag));
        _hashes.Add(hash);
        _bytes += count;
    }

    /// <summary>Gives the object its name, and looks whether it is what was sent.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RetryAsync(
                () => client.CompleteMultipartUploadAsync(
                    new CompleteMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = _uploadId, PartETags = _parts }, cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        catch (AmazonS3Exception exception) when (exception.ErrorCode == "NoSuchUpload")
        {
            // It was completed, and the answer was lost: to an attempt here, or to one that the client makes itself. Or it was aborted,
            // and there is no object.
        }

        _uploadId = null;
        await RequireAsync($"{Convert.ToHexStringLower(Md5([.. _hashes.SelectMany(hash => hash)]))}-{_hashes.Count}", cancellationToken).ConfigureAwait(false);
    }

    public async Task PutAsync(byte[] buffer, int count, CancellationToken cancellationToken)
    {
        var hash = Md5(buffer.AsSpan(0, count));
        _bytes = count;
        await RetryAsync(
            () => client.PutObjectAsync(
                new PutObjectRequest
                {
                    BucketName = bucket,
                    Key = key,
                    InputStream = new MemoryStream(buffer, 0, count),
                    MD5Digest = Convert.ToBase64String(hash),
                }, cancellationToken), cancellationToken).ConfigureAwait(false);
        await RequireAsync(Convert.ToHexStringLower(hash), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What cannot be aborted now goes with the next backup.</summary>
    public async Task AbortAsync()
    {
        if (_uploadId is null)
            return;
        try
        {
            // Not cancelled: parts that nobody asks for are paid for.
            await client.AbortMultipartUploadAsync(bucket, key, _uploadId, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is AmazonClientException or AmazonServiceException || IsOfNetwork(exception))
        {
            // The failure that led here is the one to tell.
        }
    }

    /// <summary>
    /// The entity tag is the MD5, or that of the MD5s of the parts; encrypted with a key of a service it is something else, and then
    /// the size and the MD5 that came with each part stand for it.
    /// </summary>
    private async Task RequireAsync(string hash, CancellationToken cancellationToken)
    {
        var kept = await RetryAsync(() => client.GetObjectMetadataAsync(bucket, key, cancellationToken), cancellationToken).ConfigureAwait(false);
        var tag = kept.ETag?.Trim('"');
        var isHash = tag?.Split('-')[0].Length == 32 && string.IsNullOrEmpty(kept.ServerSideEncryptionKeyManagementServiceKeyId);
        if (kept.ContentLength == _bytes && (!isHash || tag == hash))
            return;
        await client.DeleteObjectAsync(bucket, key, CancellationToken.None).ConfigureAwait(false);
        throw new IOException($"s3://{bucket}/{key} is not what was sent: it has {kept.ContentLength} bytes and the tag {tag}, instead of {_bytes} and {hash}. It was deleted.");
    }

    private async Task<T> RetryAsync<T>(Func<Task<T>> send, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await send().ConfigureAwait(false);
            }
            catch (Exception exception) when (attempt < Attempts && MayPass(exception) && !cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(FirstDelay * Math.Pow(2, attempt - 1), time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// A connection that is cut while HttpClient opens it ends with a bare SocketException; an answer that is cut off after its headers, with
    /// an XmlException.
    /// </summary>
    internal static bool IsOfNetwork(Exception exception) => exception is HttpRequestException or IOException or SocketException or XmlException;

    internal static bool MayPass(Exception exception) => exception switch
    {
        AmazonServiceException service => service.StatusCode is 0 or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError,
        AmazonClientException or TimeoutException => true,
        _ => IsOfNetwork(exception),
    };

    // The store asks for MD5: it tells damage on the way, not an attacker. The manifest's hash is SHA-256.
#pragma warning disable CA5351
    private static byte[] Md5(ReadOnlySpan<byte> data) => MD5.HashData(data);
#pragma warning restore CA5351
}
