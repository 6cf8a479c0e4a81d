using CsCheck;
using UnifiedMemory.Indexing;
using UnifiedMemory.Searching;

namespace UnifiedMemory.Tests.Searching;

public sealed class SearchPlannerTests
{
    private const double Million = 1_000_000;

    private static readonly VectorIndex Full = new("memories_embedding", null, VectorIndexMethod.Hnsw, HalfPrecision: false, Effort: 40, Lists: 0, Rows: 1_000_000);
    private static readonly VectorIndex OfRag = Full with { Name = "memories_embedding_rag", Type = MemoryType.Rag, Rows = 50_000 };
    private static readonly VectorIndex IvfFlat = Full with { Method = VectorIndexMethod.IvfFlat, Effort = 32, Lists = 1000 };

    [Test]
    public void A_selective_filter_is_compared_exactly() =>
        Assert.That(Choose(10, null, Matching(1000), Full).Index, Is.Null);

    [Test]
    public void Without_an_index_everything_is_compared() =>
        Assert.That(Choose(10, null, Matching(Million)).Index, Is.Null);

    [Test]
    public void A_type_with_an_index_of_its_own_goes_through_that()
    {
        Assert.That(Choose(10, MemoryType.Rag, Matching(50_000), Full, OfRag), Is.EqualTo(new SearchPlan(OfRag, 40, 40, Iterative: false)));
        Assert.That(Choose(10, MemoryType.Agent, Matching(500_000), Full, OfRag).Index, Is.EqualTo(Full), "of another type");
        Assert.That(Choose(10, null, Matching(500_000), Full, OfRag).Index, Is.EqualTo(Full), "of several types");
    }

    [Test]
    public void No_filter_takes_the_index_as_it_was_measured() =>
        Assert.That(Choose(10, null, Matching(Million), Full), Is.EqualTo(new SearchPlan(Full, 45, 45, Iterative: false)));

    [Test]
    public void A_tenth_is_looked_for_among_more_candidates() =>
        Assert.That(Choose(10, null, Matching(100_000), Full), Is.EqualTo(new SearchPlan(Full, 450, 450, Iterative: false)));

    [Test]
    public void An_index_that_was_measured_needs_as_many_candidates_as_that_showed_and_some_for_chance()
    {
        Assert.That(Choose(10, null, Matching(100_000), Full with { Reserve = 4 }).Candidates, Is.EqualTo(400));
        Assert.That(Choose(10, null, Matching(100_000), Full with { Reserve = 1.5 }).Candidates, Is.EqualTo(250), "25 expected, of which 10 are three standard deviations less");
        Assert.That(Choose(100, null, Matching(500_000), Full with { Reserve = 1.5 }).Candidates, Is.EqualTo(300));
    }

    [Test]
    public void More_candidates_than_one_scan_yields_are_scanned_for_again_and_again() =>
        Assert.That(Choose(1000, null, Matching(Million), Full), Is.EqualTo(new SearchPlan(Full, 1000, 4500, Iterative: true)));

    [Test]
    public void What_was_measured_for_one_scan_is_not_enough_for_one_that_goes_on()
    {
        Assert.That(Choose(20, null, Matching(12_000), Full with { Reserve = 1.5 }), Is.EqualTo(SearchPlan.Exact), "3,500 of the index would do if it were");
        Assert.That(Choose(1000, null, Matching(Million), Full with { Reserve = 1.5 }).Candidates, Is.EqualTo(4500));
    }

    [Test]
    public void Found_too_few_means_more_candidates_the_next_time()
    {
        var scope = Matching(500_000);
        Assert.That(Choose(10, null, scope, Full).Candidates, Is.EqualTo(85));

        scope.FoundTooFew(scope.Scarcity, found: 2, wanted: 10);

        Assert.That(Choose(10, null, scope, Full).Candidates, Is.EqualTo(350));
    }

    [TestCase(19, 2.1)]
    [TestCase(15, 2.67)]
    [TestCase(5, 4)]
    [TestCase(0, 4)]
    public void The_more_are_missing_the_more_candidates_there_are_the_next_time(int found, double scarcity)
    {
        var scope = Matching(500_000);

        scope.FoundTooFew(scope.Scarcity, found, wanted: 20);

        Assert.That(scope.Scarcity, Is.EqualTo(scarcity).Within(0.01));
    }

    [Test]
    public void Searches_that_find_too_few_at_the_same_time_learn_it_once()
    {
        var scope = Matching(500_000);
        var scarcity = scope.Scarcity;
        for (var i = 0; i < 100; i++)
            scope.FoundTooFew(scarcity, found: 3, wanted: 10);

        Assert.That(scope.Scarcity, Is.EqualTo(4));
    }

    [Test]
    public void Probes_grow_with_the_selectivity_up_to_all_lists()
    {
        Assert.That(Choose(10, null, Matching(Million), IvfFlat), Is.EqualTo(new SearchPlan(IvfFlat, 33, 45, Iterative: false)));
        Assert.That(Choose(100, null, Matching(100_000), IvfFlat), Is.EqualTo(new SearchPlan(IvfFlat, 37, 4500, Iterative: false)));
        Assert.That(Choose(1000, null, Matching(100_000), IvfFlat), Is.EqualTo(new SearchPlan(IvfFlat, 77, 45_000, Iterative: false)));
    }

    /// <summary>Both become part of statements, which are prepared: of a hundred in a session.</summary>
    [Test]
    public void Efforts_are_no_more_than_the_rounded_numbers_of_candidates()
    {
        foreach (var index in (VectorIndex[])[IvfFlat, Full])
        {
            var plans = Enumerable.Range(500, 4_500).Select(matching => Choose(1000, null, Matching(100 * matching), index))
                .Where(plan => plan.Index is not null).ToList();
            Assert.That(plans.DistinctBy(plan => plan.Candidates).Count(), Is.InRange(3, 100));
            Assert.That(plans.Distinct().Count(), Is.EqualTo(plans.DistinctBy(plan => plan.Candidates).Count()));
        }
    }

    [Test]
    public void Half_of_a_million_is_never_compared_one_by_one() =>
        (from wanted in Gen.Int[1, 1000]
         from share in Gen.Double[0.5, 1]
         from failures in Gen.Int[0, 50]
         from index in Gen.OneOf(Full, Full with { HalfPrecision = true }, Full with { Effort = 400 }, IvfFlat)
         select (wanted, share, failures, index)).Sample(one =>
         {
             var scope = Matching(one.share * Million);
             for (var i = 0; i < one.failures; i++)
                 scope.FoundTooFew(scope.Scarcity, found: 0, one.wanted);
             return Choose(one.wanted, null, scope, one.index, OfRag).Index == one.index;
         });

    [Test]
    public void Every_plan_can_be_sent_to_the_server() =>
        (from wanted in Gen.Int[1, 1000]
         from total in Gen.Int[0, 100_000_000]
         from visited in Gen.Double[0, 1]
         from matching in Gen.Double[0, 1]
         from index in Gen.OneOf(Full, OfRag, IvfFlat)
         select (wanted, total, visited, matching, index)).Sample(one =>
         {
             var scope = new ScopeStatistics(one.total, one.total * one.visited, one.total * one.visited * one.matching, 10);
             var plan = Choose(one.wanted, MemoryType.Rag, scope, one.index);
             return plan.Index is null
                 || (plan.Candidates >= Math.Min(one.wanted, scope.Matching) && plan.Effort >= 1
                     && (one.index == IvfFlat ? plan.Effort <= IvfFlat.Lists : plan.Effort <= 1000));
         });

    private static ScopeStatistics Matching(double count) => new(Million, count, count, 10);

    private static SearchPlan Choose(int wanted, MemoryType? type, ScopeStatistics scope, params VectorIndex[] indexes) =>
        SearchPlanner.Choose(wanted, new MemoryFilter { Types = type is { } one ? [one] : [] }, scope, indexes);
}
