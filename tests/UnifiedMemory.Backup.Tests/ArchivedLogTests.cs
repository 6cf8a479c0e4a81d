using UnifiedMemory.Backup.Physical;

namespace UnifiedMemory.Backup.Tests;

/// <summary>What a recovery would find in an archive of the write-ahead log.</summary>
public sealed class ArchivedLogTests
{
    private const int SegmentBytes = 1024 * 1024;

    private string _archive = "";

    [SetUp]
    public void Create() => _archive = Directory.CreateTempSubdirectory("unimem-log-").FullName;

    [TearDown]
    public void Delete() => Directory.Delete(_archive, recursive: true);

    [Test]
    public void A_log_without_a_hole_is_whole_also_where_the_middle_of_a_name_changes()
    {
        Put("000000010000000000000FFE", "000000010000000000000FFF", "000000010000000100000000", "000000010000000100000001");

        var log = Read("000000010000000000000FFE", "000000010000000000000FFF");

        Assert.That(log.Problem, Is.Empty);
        Assert.That(log.Newest, Is.EqualTo("000000010000000100000001"));
        Assert.That(log.IsReadBy(0x1_0010_0000), Is.False, "the end of the last but one");
        Assert.That(log.IsReadBy(0x1_0010_0028), Is.True);
    }

    [Test]
    public void A_hole_after_the_backup_is_named()
    {
        Put("000000010000000000000003", "000000010000000000000004", "000000010000000000000006");

        Assert.That(
            Read("000000010000000000000003", "000000010000000000000003").Problem,
            Is.EqualTo($"the archive {_archive} lacks 000000010000000000000005; the newest one there is 000000010000000000000006"));
    }

    [Test]
    public void An_empty_archive_and_a_missing_one_are_no_archive()
    {
        Assert.That(
            Read("000000010000000000000003", "000000010000000000000004").Problem,
            Is.EqualTo($"the archive {_archive} lacks 000000010000000000000003, 000000010000000000000004, and has nothing after it"));
        Directory.Delete(_archive);
        Assert.That(Read("000000010000000000000003").Problem, Does.EndWith("does not exist"));
        Directory.CreateDirectory(_archive);
    }

    [Test]
    public void A_segment_that_was_cut_off_is_none()
    {
        Put("000000010000000000000003");
        File.WriteAllText(Path.Combine(_archive, "000000010000000000000003"), "short");

        Assert.That(Read("000000010000000000000003").Problem, Does.Contain("000000010000000000000003 has 5 bytes instead of 1048576"));
    }

    [Test]
    public void After_a_fork_the_newest_timeline_is_followed()
    {
        // Promoted in the middle of segment 5: the new timeline has a copy of it.
        Put("000000010000000000000003", "000000010000000000000004", "000000010000000000000006", "000000020000000000000005", "000000020000000000000006");
        File.WriteAllText(Path.Combine(_archive, "00000002.history"), "1\t0/580000\tno recovery target specified\n");

        Assert.That(Read("000000010000000000000003").Problem, Is.Empty);
        Assert.That(Read("000000010000000000000003").Newest, Is.EqualTo("000000020000000000000006"));

        File.Delete(Path.Combine(_archive, "000000020000000000000005"));
        Assert.That(Read("000000010000000000000003").Problem, Does.Contain("lacks 000000020000000000000005"));
    }

    [Test]
    public void A_timeline_that_left_before_the_backup_is_of_another_server()
    {
        Put("000000010000000000000007");
        File.WriteAllText(Path.Combine(_archive, "00000002.history"), "1\t0/580000\tno recovery target specified\n");

        Assert.That(Read("000000010000000000000007").Problem, Does.Contain("the log of another server"));
    }

    [Test]
    public async Task A_file_that_is_renamed_meanwhile_is_no_failure()
    {
        Put("000000010000000000000003");
        using var ending = new CancellationTokenSource();
        var archiving = Task.Run(() =>
        {
            while (!ending.IsCancellationRequested)
            {
                foreach (var number in Enumerable.Range(4, 12))
                    Put($"0000000100000000{number:X8}");
                foreach (var number in Enumerable.Range(4, 12))
                    File.Delete(Path.Combine(_archive, $"0000000100000000{number:X8}"));
            }
        });
        try
        {
            for (var i = 0; i < 2000; i++)
                Read("000000010000000000000003");
        }
        finally
        {
            await ending.CancelAsync();
            await archiving;
        }
    }

    private ArchivedLog Read(params string[] needed) => ArchivedLog.Read(_archive, needed, SegmentBytes);

    private void Put(params string[] names)
    {
        foreach (var name in names)
        {
            using var file = File.Create(Path.Combine(_archive, name));
            file.SetLength(SegmentBytes);
        }
    }
}
