using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;
using Amazon.S3;

namespace UnifiedMemory.Backup.Tests;

/// <summary>
/// An upload that the store has completed, and the answer was lost; against a stand-in that knows these few requests. Both this library and
/// its client try again, and are told that there is no such upload any more. A connection that is cut is for the tests with a proxy.
/// </summary>
public sealed class LostAnswerTests
{
    private const int PartBytes = 5 << 20;

    [TestCase(0, TestName = "The target tries again")]
    [TestCase(3, TestName = "The client tries again by itself")]
    public async Task A_completed_upload_whose_answer_was_lost_is_complete(int retriesOfTheClient)
    {
        using var store = new StandIn();
        using var client = ClientFor(store, retriesOfTheClient);

        await WriteAsync(client);

        Assert.That(store.Completions, Is.EqualTo(2));
        Assert.That(store.Deleted, Is.False);
    }

    [TestCase(true, false)]
    [TestCase(false, true)]
    public async Task An_object_of_another_size_or_hash_is_not_taken_for_it(bool otherSize, bool otherHash)
    {
        using var store = new StandIn { OtherSize = otherSize, OtherHash = otherHash };
        using var client = ClientFor(store, 3);

        Assert.That(() => WriteAsync(client), Throws.InstanceOf<IOException>().With.Message.Contains("is not what was sent"));

        Assert.That(store.Deleted);
    }

    [Test]
    public async Task An_upload_that_somebody_aborted_is_not_complete()
    {
        using var store = new StandIn { IsAborted = true };
        using var client = ClientFor(store, 3);

        Assert.That(() => WriteAsync(client), Throws.InstanceOf<IOException>());
    }

    private static AmazonS3Client ClientFor(StandIn store, int retries) => new(new BasicAWSCredentials("test", "test"), new AmazonS3Config
    {
        ServiceURL = store.Address,
        ForcePathStyle = true,
        AuthenticationRegion = "us-east-1",
        MaxErrorRetry = retries,
    });

    private static Task WriteAsync(AmazonS3Client client) => new S3BackupTarget(client, "bucket", partBytes: PartBytes).WriteAsync(
        "file", (stream, token) => stream.WriteAsync(new byte[PartBytes + 7], token).AsTask(), CancellationToken.None);

    private sealed class StandIn : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly SortedDictionary<string, byte[]> _parts = [];

        public StandIn()
        {
            int port;
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                port = ((IPEndPoint)free.LocalEndpoint).Port;
            }

            Address = $"http://127.0.0.1:{port}";
            _listener.Prefixes.Add(Address + "/");
            _listener.Start();
            _ = ServeAsync();
        }

        public string Address { get; }

        public bool OtherSize { get; init; }

        public bool OtherHash { get; init; }

        public bool IsAborted { get; init; }

        public int Completions { get; private set; }

        public bool Deleted { get; private set; }

        public void Dispose() => _listener.Close();

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                    await AnswerAsync(await _listener.GetContextAsync());
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task AnswerAsync(HttpListenerContext context)
        {
            var (request, response) = (context.Request, context.Response);
            using var body = new MemoryStream();
            await request.InputStream.CopyToAsync(body);
            switch (request.HttpMethod, request.QueryString["partNumber"], request.QueryString["uploadId"])
            {
                case ("POST", _, null):
                    await SendAsync(response, 200, "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>");
                    break;
                case ("PUT", { } part, _):
#pragma warning disable CA5351 // the protocol's
                    _parts[part] = MD5.HashData(new byte[part == "1" ? PartBytes : 7]);
#pragma warning restore CA5351
                    response.Headers["ETag"] = $"\"{Convert.ToHexStringLower(_parts[part])}\"";
                    await SendAsync(response, 200, "");
                    break;
                case ("POST", _, _) when ++Completions == 1 && !IsAborted:
                    response.Abort();
                    break;
                case ("POST", _, _):
                    await SendAsync(response, 404, "<Error><Code>NoSuchUpload</Code><Message>There is none.</Message></Error>");
                    break;
                case ("HEAD", _, _) when !IsAborted:
                    response.ContentLength64 = PartBytes + (OtherSize ? 8 : 7);
                    response.Headers["ETag"] = $"\"{Tag()}\"";
                    response.Close();
                    break;
                case ("DELETE", _, _):
                    Deleted = true;
                    await SendAsync(response, 204, "");
                    break;
                default:
                    await SendAsync(response, 404, "");
                    break;
            }
        }

        private string Tag()
        {
#pragma warning disable CA5351 // the protocol's
            var tag = Convert.ToHexStringLower(MD5.HashData([.. _parts.Values.SelectMany(hash => hash)]));
#pragma warning restore CA5351
            return (OtherHash ? new string('0', 32) : tag) + "-2";
        }

        private static async Task SendAsync(HttpListenerResponse response, int status, string text)
        {
            response.StatusCode = status;
            var bytes = Encoding.UTF8.GetBytes(text);
            if (status != 204)
                await response.OutputStream.WriteAsync(bytes);
            response.Close();
        }
    }
}
