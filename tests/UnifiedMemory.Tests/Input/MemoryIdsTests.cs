using UnifiedMemory.Input;

namespace UnifiedMemory.Tests.Input;

public sealed class MemoryIdsTests
{
    private static readonly DateTimeOffset Time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(2)).AddTicks(5_000);

    private MemoryIds _ids = null!;

    [SetUp]
    public void Start() => _ids = new MemoryIds();

    [Test]
    public void Ids_made_at_the_same_instant_increase()
    {
        var ids = Enumerable.Range(0, 10_000).Select(_ => _ids.Next(Time)).ToList();

        Assert.That(ids, Is.Ordered.And.Unique);
        Assert.That(ids.Select(id => id.ToString()), Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal), "as PostgreSQL orders them");
    }

    [Test]
    public void Ids_increase_when_the_clock_is_set_back()
    {
        var first = _ids.Next(Time);

        Assert.That(_ids.Next(Time.AddDays(-400)), Is.GreaterThan(first));
        Assert.That(_ids.Next(DateTimeOffset.MinValue), Is.GreaterThan(first));
    }

    [Test]
    public async Task Ids_of_concurrent_callers_are_different_and_increase_for_each_of_them()
    {
        const int callers = 8;
        var ids = new Guid[callers][];
        using var start = new Barrier(callers);
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                ids[caller] = [.. Enumerable.Range(0, 20_000).Select(_ => _ids.Next(TimeProvider.System.GetUtcNow()))];
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        foreach (var own in ids)
            Assert.That(own, Is.Ordered);
        // The time part alone: it is what orders them, so the random part must not be what keeps them apart.
        Assert.That(ids.SelectMany(own => own).Select(id => id.ToString()[..18]).ToHashSet(), Has.Count.EqualTo(callers * 20_000));
    }

    [Test]
    public void An_id_is_a_version_7_with_the_time_in_it()
    {
        var id = _ids.Next(Time);
        var text = id.ToString();

        Assert.That(id.Version, Is.EqualTo(7));
        Assert.That(id.Variant, Is.InRange(8, 11), "10 in binary, and two random bits");
        Assert.That(Convert.ToInt64(text[..8] + text[9..13], 16), Is.EqualTo(Time.ToUnixTimeMilliseconds()));
        Assert.That(Convert.ToInt32(text[15..18], 16), Is.EqualTo(2_048), "half a millisecond in 4,096ths");
    }

    [Test]
    public void The_rest_of_an_id_is_random()
    {
        var ids = Enumerable.Range(0, 1_000).Select(_ => _ids.Next(Time).ToByteArray(bigEndian: true)).ToList();

        Assert.That(ids.Select(id => BitConverter.ToUInt64(id, 8)).Distinct().Count(), Is.EqualTo(1_000));
        for (var bit = 66; bit < 128; bit++)
        {
            var ones = ids.Count(id => (id[bit / 8] >> (7 - bit % 8) & 1) == 1);
            Assert.That(ones, Is.InRange(350, 650), $"bit {bit} of a thousand ids");
        }
    }
}
