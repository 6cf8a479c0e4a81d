namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>The sample of a sink of one's own loses nothing either.</summary>
public sealed class JsonLinesSinkTests
{
    [Test]
    public async Task A_line_that_was_broken_off_is_written_again_and_a_whole_one_is_not()
    {
        var folder = Directory.CreateTempSubdirectory("lines-");
        try
        {
            var path = Path.Combine(folder.FullName, "insights.jsonl");
            using var sink = new JsonLinesSink(path);
            var insight = new Insight(Guid.CreateVersion7(), "default", "Never trust a line without its end.", InsightType.Gotcha, 0.7, DateTimeOffset.UnixEpoch);
            await sink.DeliverAsync(insight, default);
            var whole = await File.ReadAllTextAsync(path);
            await File.WriteAllTextAsync(path, whole[..(whole.Length / 2)]);

            for (var attempt = 2; attempt <= 3; attempt++)
                Assert.That(await sink.DeliverAsync(insight with { Attempt = attempt }, default), Is.EqualTo(InsightDelivery.Delivered));

            var lines = await File.ReadAllLinesAsync(path);
            Assert.That(lines, Has.Length.EqualTo(2));
            Assert.That(lines[1], Does.Contain(insight.Content).And.EndsWith("}"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
