using UnifiedMemory.Quality.Scoring;

namespace UnifiedMemory.Tests.Quality;

/// <summary>The measures of <c>./build.sh quality</c>; the values are worked out by hand.</summary>
public sealed class MetricTests
{
    private static readonly string[] Found = ["a", "b", "c", "d", "e", "f"];

    [TestCase("b", 1, ExpectedResult = 0.0)]
    [TestCase("b", 2, ExpectedResult = 1.0)]
    [TestCase("b x", 5, ExpectedResult = 0.5)]
    [TestCase("a c x y", 3, ExpectedResult = 0.5)]
    [TestCase("a c x y", 2, ExpectedResult = 0.25)]
    [TestCase("x y", 20, ExpectedResult = 0.0)]
    [TestCase("a f", 20, ExpectedResult = 1.0, Description = "fewer hits than asked for")]
    public double Recall_is_the_share_of_the_evidence_among_the_first(string evidence, int depth) =>
        Metric.Recall(Found, Names(evidence), depth);

    [TestCase("a", ExpectedResult = 1.0)]
    [TestCase("b", ExpectedResult = 0.5)]
    [TestCase("e d x", ExpectedResult = 0.25, Description = "the first of them counts")]
    [TestCase("x", ExpectedResult = 0.0)]
    public double Reciprocal_rank_is_that_of_the_first_evidence(string evidence) => Metric.ReciprocalRank(Found, Names(evidence));

    // Gains by rank: 1, 1/log2(3) = 0.63093, 0.5, 1/log2(5) = 0.43068.
    [TestCase("a", 10, 1.0)]
    [TestCase("b", 10, 0.63093)]
    [TestCase("c", 10, 0.5)]
    [TestCase("c", 2, 0.0, Description = "below the depth")]
    [TestCase("a b", 10, 1.0)]
    [TestCase("a c", 10, 0.91972, Description = "1.5 / 1.63093")]
    [TestCase("b d", 10, 0.65092, Description = "1.06161 / 1.63093")]
    [TestCase("a x", 10, 0.61315, Description = "1 / 1.63093")]
    [TestCase("a b c", 2, 1.0, Description = "no more is possible at this depth")]
    [TestCase("x", 10, 0.0)]
    public void Ndcg_discounts_by_the_logarithm_of_the_rank(string evidence, int depth, double expected) =>
        Assert.That(Metric.Ndcg(Found, Names(evidence), depth), Is.EqualTo(expected).Within(0.00001));

    [Test]
    public void Nothing_found_scores_nothing() =>
        Assert.That(Metric.All.Select(metric => metric.Of([], Names("a b"))), Is.All.Zero);

    [Test]
    public void Everything_found_at_once_scores_everything_that_the_depth_allows()
    {
        var scores = Metric.All.ToDictionary(metric => metric.Name, metric => metric.Of(Found, Names("a b c d e f")));

        Assert.That(scores["recall@1"], Is.EqualTo(1.0 / 6));
        Assert.That(scores["recall@5"], Is.EqualTo(5.0 / 6));
        Assert.That(new[] { scores["recall@10"], scores["recall@20"], scores["mrr"], scores["ndcg@10"] }, Is.All.EqualTo(1.0));
    }

    private static HashSet<string> Names(string names) => [.. names.Split(' ')];
}
