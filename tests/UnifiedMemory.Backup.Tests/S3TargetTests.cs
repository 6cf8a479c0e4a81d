using System.Net;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>The S3 target against a server that speaks S3, with a network between them that fails.</summary>
[NonParallelizable]
public sealed class S3TargetTests : BackupFixture
{
    private const int PartBytes = 5 << 20;

    private MotoServer _server = null!;
    private TcpProxy _proxy = null!;
    private AmazonS3Client _client = null!;
    private AmazonS3Client _direct = null!;
    private string _bucket = "";
    private int _number;

    private S3BackupTarget Target => new(_client, _bucket, "here/", PartBytes);

    [OneTimeSetUp]
    public async Task StartServerAsync() => _server = await MotoServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopServerAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [SetUp]
    public async Task CreateBucketAsync()
    {
        _proxy = TcpProxy.Start("127.0.0.1", _server.Port);
        _client = MotoServer.ClientFor(_proxy.Port);
        _direct = MotoServer.ClientFor(_server.Port);
        _bucket = $"bucket-{_number++}";
        await _direct.PutBucketAsync(_bucket);
    }

    [TearDown]
    public async Task DisposeAsync()
    {
        _client.Dispose();
        _direct.Dispose();
        await _proxy.DisposeAsync();
    }

    [Test]
    public async Task A_backup_is_made_verified_listed_and_removed()
    {
        var backup = NewBackup(options =>
        {
            options.Target = Target;
            options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        });

        var report = (await backup.RunAsync())!;
        Assert.That(report.Passed, report.ToString());
        Assert.That(report.Target, Is.EqualTo($"s3://{_bucket}/here/"));
        Assert.That((await backup.RunAsync())!.Passed);

        var kept = (await backup.ListAsync()).Single();
        Assert.That(kept.State, Is.EqualTo(BackupState.Verified));
        Assert.That((await KeysAsync()).Order(), Is.EqualTo(new[] { $"here/{kept.Id}.dump", $"here/{kept.Id}.manifest.json", $"here/{kept.Id}.passed.json" }));
        Assert.That(() => backup.GetManifestAsync("memories-20260301T020000123Z-logical"), Throws.InstanceOf<FileNotFoundException>());
    }

    [TestCase(0)]
    [TestCase(1000)]
    [TestCase(PartBytes)]
    [TestCase((2 * PartBytes) + 7)]
    public async Task A_file_of_any_size_is_read_as_it_was_written(int size)
    {
        var data = RandomNumberGenerator.GetBytes(size);
        await WriteAsync("file", data);

        Assert.That(await HashAsync("file"), Is.EqualTo(Convert.ToHexString(SHA256.HashData(data))));
        Assert.That(await ListAsync(), Is.EqualTo(new[] { new BackupFile("file", size) }));
        Assert.That(await UploadsAsync(), Is.Zero);
    }

    [Test]
    public async Task A_part_that_a_cut_has_lost_is_sent_again()
    {
        var data = RandomNumberGenerator.GetBytes((3 * PartBytes) + 7);
        _proxy.CutWhenClientSends("partNumber=2", times: 8);
        await WriteAsync("file", data);

        Assert.That(_proxy.FaultsFired, Is.EqualTo(8));
        Assert.That(await HashAsync("file"), Is.EqualTo(Convert.ToHexString(SHA256.HashData(data))));
        Assert.That(await UploadsAsync(), Is.Zero);
    }

    [Test]
    public async Task A_read_goes_on_where_it_was_cut()
    {
        var data = RandomNumberGenerator.GetBytes(3 * PartBytes);
        await WriteAsync("file", data);
        _proxy.CutAfter(2 * PartBytes);

        Assert.That(await HashAsync("file"), Is.EqualTo(Convert.ToHexString(SHA256.HashData(data))));
        Assert.That(_proxy.FaultsFired, Is.Positive);
    }

    [Test]
    public async Task An_upload_that_cannot_be_finished_leaves_no_object_and_its_parts_go_with_the_next_backup()
    {
        Assert.That(
            () => Target.WriteAsync(Schema + "-file", async (stream, token) =>
            {
                await stream.WriteAsync(RandomNumberGenerator.GetBytes(PartBytes + 1), token);
                Assert.That(await UploadsAsync(), Is.EqualTo(1), "it is under way");
                _proxy.RefuseNewConnections();
                _proxy.CutAll();
            }, CancellationToken.None),
            Throws.InstanceOf<IOException>());

        Assert.That(await KeysAsync(), Is.Empty);
        Assert.That(await UploadsAsync(), Is.EqualTo(1), "the store was out of reach, as when the process is killed");
        _proxy.Heal();
        await NewBackup(options => options.Target = Target).TakeAsync();
        Assert.That(await UploadsAsync(), Is.Zero);
    }

    [Test]
    public async Task A_read_that_cannot_go_on_is_a_failure_of_the_target()
    {
        await WriteAsync("file", RandomNumberGenerator.GetBytes(3 * PartBytes));
        await using var stream = await Target.OpenReadAsync("file", CancellationToken.None);
        await stream.ReadExactlyAsync(new byte[1000]);
        _proxy.RefuseNewConnections();
        _proxy.CutAll();

        Assert.That(() => SHA256.HashDataAsync(stream).AsTask(), Throws.InstanceOf<IOException>().With.Message.Contains("could not be read beyond byte"));
    }

    [Test]
    public async Task An_upload_whose_completion_was_not_heard_of_is_complete()
    {
        var data = RandomNumberGenerator.GetBytes(PartBytes + 7);
        using var client = new LosingClient(_server.Port);
        await new S3BackupTarget(client, _bucket, "here/", PartBytes).WriteAsync("file", (stream, token) => stream.WriteAsync(data, token).AsTask(), CancellationToken.None);

        Assert.That(client.Completions, Is.EqualTo(2));
        Assert.That(await HashAsync("file"), Is.EqualTo(Convert.ToHexString(SHA256.HashData(data))));
    }

    [TestCase(0)]
    [TestCase(3)]
    public async Task An_upload_whose_completion_was_cut_on_its_way_back_is_complete_whoever_tries_again(int retriesOfTheClient)
    {
        var data = RandomNumberGenerator.GetBytes(PartBytes + 7);
        var config = MotoServer.ConfigFor(_proxy.Port);
        config.MaxErrorRetry = retriesOfTheClient;
        using var client = new AmazonS3Client(MotoServer.Credentials, config);
        _proxy.CutWhenServerSends("CompleteMultipartUpload");

        await new S3BackupTarget(client, _bucket, "here/", PartBytes).WriteAsync("file", (stream, token) => stream.WriteAsync(data, token).AsTask(), CancellationToken.None);

        Assert.That(_proxy.FaultsFired, Is.EqualTo(1));
        Assert.That(await HashAsync("file"), Is.EqualTo(Convert.ToHexString(SHA256.HashData(data))));
        Assert.That(await UploadsAsync(), Is.Zero);
    }

    [Test]
    public async Task An_upload_that_somebody_aborted_is_not_taken_for_complete()
    {
        Assert.That(
            () => Target.WriteAsync("file", async (stream, token) =>
            {
                await stream.WriteAsync(RandomNumberGenerator.GetBytes(PartBytes + 7), token);
                await Target.RemoveLeftoversAsync("", token);
            }, CancellationToken.None),
            Throws.InstanceOf<IOException>());

        Assert.That(await KeysAsync(), Is.Empty);
    }

    [Test]
    public async Task A_writer_that_fails_leaves_nothing()
    {
        Assert.That(
            () => Target.WriteAsync("file", async (stream, token) =>
            {
                await stream.WriteAsync(RandomNumberGenerator.GetBytes(PartBytes + 1), token);
                throw new InvalidOperationException("pg_dump failed");
            }, CancellationToken.None),
            Throws.InvalidOperationException);

        Assert.That(await KeysAsync(), Is.Empty);
        Assert.That(await UploadsAsync(), Is.Zero);
    }

    [Test]
    public void What_is_not_there_is_deleted_also_from_a_store_that_says_so()
    {
        using var client = new ExactClient(_server.Port);

        Assert.That(() => new S3BackupTarget(client, _bucket).DeleteAsync("file", CancellationToken.None), Throws.Nothing);
    }

    [Test]
    public void A_bucket_that_is_not_there_is_said()
    {
        var backup = NewBackup(options => options.Target = new S3BackupTarget(_client, "missing"));

        Assert.That(() => backup.TakeAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("s3://missing/"));
    }

    private Task WriteAsync(string name, byte[] data) => Target.WriteAsync(name, async (stream, token) =>
    {
        // In pieces that fit no part.
        for (var i = 0; i < data.Length; i += 1_000_003)
            await stream.WriteAsync(data.AsMemory(i, Math.Min(1_000_003, data.Length - i)), token);
    }, CancellationToken.None);

    private async Task<string> HashAsync(string name)
    {
        await using var stream = await Target.OpenReadAsync(name, CancellationToken.None);
        return Convert.ToHexString(await SHA256.HashDataAsync(stream));
    }

    private async Task<List<BackupFile>> ListAsync()
    {
        var files = new List<BackupFile>();
        await foreach (var file in Target.ListAsync("", CancellationToken.None))
            files.Add(file);
        return files;
    }

    private async Task<IEnumerable<string>> KeysAsync() => ((await _direct.ListObjectsAsync(_bucket)).S3Objects ?? []).Select(one => one.Key);

    /// <summary>Loses the first answer to the completion of an upload.</summary>
    private sealed class LosingClient(int port) : AmazonS3Client(MotoServer.Credentials, MotoServer.ConfigFor(port))
    {
        public int Completions { get; private set; }

        public override async Task<CompleteMultipartUploadResponse> CompleteMultipartUploadAsync(
            CompleteMultipartUploadRequest request, CancellationToken cancellationToken = default)
        {
            Completions++;
            var response = await base.CompleteMultipartUploadAsync(request, cancellationToken);
            return Completions > 1 ? response : throw new HttpRequestException("cut");
        }
    }

    /// <summary>Answers as Google's does: https://cloud.google.com/storage/docs/xml-api/delete-object.</summary>
    private sealed class ExactClient(int port) : AmazonS3Client(MotoServer.Credentials, MotoServer.ConfigFor(port))
    {
        public override Task<DeleteObjectResponse> DeleteObjectAsync(string bucketName, string key, CancellationToken cancellationToken = default) =>
            throw new AmazonS3Exception("The specified key does not exist.") { StatusCode = HttpStatusCode.NotFound, ErrorCode = "NoSuchKey" };
    }

    private async Task<int> UploadsAsync() => (await _direct.ListMultipartUploadsAsync(_bucket)).MultipartUploads?.Count ?? 0;
}
