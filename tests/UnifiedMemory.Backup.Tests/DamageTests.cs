using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Backup.Tests;

/// <summary>Every kind of damage is refused by the check that is meant for it, and named.</summary>
public sealed class DamageTests : BackupFixture
{
    private StoreBackup _backup = null!;
    private BackupManifest _manifest = null!;

    private string DataPath => Path.Combine(TargetPath, _manifest.FileName);

    private string ManifestPath => Path.Combine(TargetPath, _manifest.Id + ".manifest.json");

    [Test]
    public async Task A_truncated_dump_is_refused()
    {
        await TakeAsync();
        using (var file = File.OpenWrite(DataPath))
            file.SetLength(file.Length / 2);

        await RefusedAsync("hash", $"{_manifest.FileName} has {_manifest.Bytes / 2} bytes");
    }

    [Test]
    public async Task A_flipped_bit_is_refused()
    {
        await TakeAsync();
        Flip(DataPath, _manifest.Bytes / 2);

        await RefusedAsync("hash", $"{_manifest.FileName} has been changed");
    }

    [Test]
    public async Task One_changed_digit_in_an_uncompressed_dump_is_refused()
    {
        await TakeAsync(options => options.CompressionLevel = 0);
        var bytes = await File.ReadAllBytesAsync(DataPath);
        var place = bytes.AsSpan().IndexOf("angle 30"u8);
        Assert.That(place, Is.Positive);
        bytes[place + 7] = (byte)'1';
        await File.WriteAllBytesAsync(DataPath, bytes);

        await RefusedAsync("hash", $"{_manifest.FileName} has been changed");
    }

    [Test]
    public async Task A_dump_that_was_damaged_before_it_was_hashed_is_refused()
    {
        await TakeAsync();
        Flip(DataPath, _manifest.Bytes - 200);
        await ChangeManifestAsync(manifest => manifest["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(DataPath))));

        await RefusedAsync("archive", $"{_manifest.FileName} cannot be read");
    }

    [Test]
    public async Task A_missing_dump_is_refused()
    {
        await TakeAsync();
        File.Delete(DataPath);

        await RefusedAsync("hash", $"{_manifest.FileName} is missing");
    }

    [Test]
    public async Task A_damaged_manifest_is_refused()
    {
        await TakeAsync();
        using (var file = File.OpenWrite(ManifestPath))
            file.SetLength(file.Length / 2);

        await RefusedAsync("manifest", "manifest.json is damaged");
    }

    [TestCase("rows", "has 60 rows, and 61 were backed up")]
    [TestCase("samples", "a row of ")]
    [TestCase("indexes", "missing or not valid: gone.index")]
    [TestCase("constraints", "missing or not valid: gone.constraint")]
    [TestCase("versions", "vector has version")]
    [TestCase("searches", "no longer finds 00000000-0000-0000-0000-000000000001")]
    public async Task What_is_not_restored_as_it_was_is_refused(string check, string detail)
    {
        await TakeAsync();
        await ChangeManifestAsync(manifest =>
        {
            var memories = manifest["tables"]!.AsArray().First(table => (string?)table!["name"] == "memories")!;
            switch (check)
            {
                case "rows": memories["rows"] = Memories + 1; break;
                case "samples": memories["samples"]![0]!["sha256"] = new string('0', 64); break;
                case "indexes": manifest["indexes"]!.AsArray().Add("gone.index"); break;
                case "constraints": manifest["constraints"]!.AsArray().Add("gone.constraint"); break;
                case "versions": manifest["extensions"]!["vector"] = "9.9.9"; break;
                default: manifest["canaries"]![0]!["ids"]!.AsArray().Add("00000000-0000-0000-0000-000000000001"); break;
            }
        });

        await RefusedAsync(check, detail);
    }

    [Test]
    public async Task A_failure_is_loud_and_seen_in_the_catalogue()
    {
        var lines = new List<string>();
        using var logger = new ListLogger(lines);
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(logger));
        _backup = StoreBackup.Create(StoreOptions(), NewOptions(), factory);
        _manifest = await _backup.TakeAsync();
        Assert.That((await _backup.VerifyAsync(_manifest.Id)).Passed);
        Flip(DataPath, 1000);

        await RefusedAsync("hash", "has been changed");

        Assert.That(lines, Has.Some.Contains($"Backup {_manifest.Id} CANNOT BE RELIED ON"));
        Assert.That((await _backup.ListAsync()).Single().State, Is.EqualTo(BackupState.Failed));
        Assert.That(TargetFiles, Has.None.Contain("passed"), "it passed before");
    }

    [Test]
    public async Task A_failure_is_loud_also_when_its_report_cannot_be_written()
    {
        await TakeAsync();
        Flip(DataPath, 1000);
        var lines = new List<string>();
        using var logger = new ListLogger(lines);
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(logger));
        var options = NewOptions();
        options.Target = new HeldTarget(options.Target!, ".failed.json", _ => throw new IOException("disk full"), afterBytes: 0);

        Assert.That(
            () => StoreBackup.Create(StoreOptions(), options, factory).VerifyAsync(_manifest.Id),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("disk full"));

        Assert.That(lines, Has.Some.Contains($"Backup {_manifest.Id} CANNOT BE RELIED ON"));
    }

    [Test]
    public async Task A_damaged_backup_is_not_restored()
    {
        await TakeAsync();
        Flip(DataPath, 1000);
        var database = $"never_{Prefix}";

        Assert.That(
            () => _backup.RestoreAsync(_manifest.Id, new RestoreOptions { ConnectionString = DatabaseOf(database) }),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("has been changed"));
        Assert.That(await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM pg_database WHERE datname = '{database}'"), Is.Zero);
    }

    private static void Flip(string path, long place)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.Position = place;
        var value = file.ReadByte();
        file.Position = place;
        file.WriteByte((byte)(value ^ 4));
    }

    private async Task TakeAsync(Action<BackupOptions>? configure = null)
    {
        _backup = NewBackup(configure);
        _manifest = await _backup.TakeAsync();
    }

    private Task ChangeManifestAsync(Action<JsonNode> change) => ChangeManifestAsync(_manifest.Id, change);

    private async Task RefusedAsync(string check, string detail)
    {
        var report = await _backup.VerifyAsync(_manifest.Id);
        Assert.That(report.Passed, Is.False, report.ToString());
        var failed = report.Checks.Where(one => one.Outcome == CheckOutcome.Failed).ToList();
        Assert.That(failed.Select(one => one.Name), Is.EqualTo(new[] { check }), report.ToString());
        Assert.That(failed[0].Detail, Does.Contain(detail));
    }
}
