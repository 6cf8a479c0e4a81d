using UnifiedMemory.Indexing;

namespace UnifiedMemory.Tests.Indexing;

/// <summary>The decisions that take more memories than a test stores.</summary>
public sealed class IndexPlanTests
{
    private const int Dimensions = 768;

    [TestCase(0, ExpectedResult = 1)]
    [TestCase(999, ExpectedResult = 1)]
    [TestCase(100_000, ExpectedResult = 100)]
    [TestCase(1_000_000, ExpectedResult = 1000)]
    [TestCase(4_000_000, ExpectedResult = 2000)]
    [TestCase(10_000_000_000, ExpectedResult = 32768)]
    public int Lists_follow_the_rows(long rows) => IndexSizing.Lists(rows);

    [TestCase(1, ExpectedResult = 1)]
    [TestCase(100, ExpectedResult = 10)]
    [TestCase(1000, ExpectedResult = 31)]
    public int Probes_begin_at_the_root_of_the_lists(int lists) => IndexSizing.Probes(lists);

    [Test]
    public void Probes_rise_up_to_all_lists()
    {
        Assert.That(IndexSizing.Efforts(VectorIndexMethod.IvfFlat, 1, 1), Is.EqualTo(new[] { 1 }));
        Assert.That(IndexSizing.Efforts(VectorIndexMethod.IvfFlat, 3, 10), Is.EqualTo(new[] { 3, 4, 6, 9, 10 }));
        Assert.That(IndexSizing.Efforts(VectorIndexMethod.Hnsw, 100, 0), Is.EqualTo(new[] { 100, 150, 200, 300, 400, 600, 800, 1000 }));
        Assert.That(IndexSizing.Efforts(VectorIndexMethod.Hnsw, 1000, 0), Is.EqualTo(new[] { 1000 }));
    }

    [Test]
    public void The_memory_of_a_graph_is_what_was_measured()
    {
        // pgvector 0.8.0: "hnsw graph no longer fits into maintenance_work_mem after 4352 tuples", of 16 MiB.
        Assert.That(IndexSizing.HnswBytes(4352, Dimensions, halfPrecision: false, m: 16), Is.EqualTo(16L * 1024 * 1024).Within(1).Percent);
        Assert.That(IndexSizing.HnswBytes(5933, Dimensions, halfPrecision: true, m: 32), Is.EqualTo(16L * 1024 * 1024).Within(1).Percent);
    }

    [Test]
    public void Lists_are_fewer_where_k_means_would_not_fit_the_memory()
    {
        const long memory = 2L * 1024 * 1024 * 1024;
        var lists = IndexSizing.ListsWithin(10_000_000, Dimensions, halfPrecision: false, memory);

        Assert.That(lists, Is.InRange(2000, 3161), "the root would be 3162");
        Assert.That(IndexSizing.IvfFlatBytes(lists, Dimensions, halfPrecision: false), Is.LessThan(memory));
    }

    [Test]
    public void A_graph_that_does_not_fit_the_memory_makes_way_for_ivfflat_and_says_so()
    {
        var decision = Plan(2_000_000).Decide(null, exists: false, null, 0, null);

        Assert.That(decision.Step, Is.EqualTo(IndexStep.Build));
        Assert.That(decision.Wanted, Is.EqualTo(VectorIndexDefinition.IvfFlat(null, false, 1414)));
        Assert.That(decision.Reason, Does.Contain("MaxMemoryBytes is 2,147,483,648, therefore IVFFlat"));
        Assert.That(Plan(2_000_000, options => options.Indexes.Method = VectorIndexMethod.Hnsw).Decide(null, false, null, 0, null).Wanted!.Method,
            Is.EqualTo(VectorIndexMethod.Hnsw), "asked for");
    }

    [Test]
    public void A_graph_that_outgrew_the_memory_since_it_was_built_goes_on_to_serve()
    {
        var hnsw = VectorIndexDefinition.Hnsw(null, false, new HnswOptions());
        Assert.That(Plan(2_000_000).Decide(null, true, hnsw, 1000, Registered(hnsw, 400_000, 0)).Step, Is.EqualTo(IndexStep.Keep));
    }

    [TestCase(500_000, IndexStep.Keep)]
    [TestCase(400_000, IndexStep.Build)]
    public void Ivfflat_gives_way_to_a_graph_only_when_that_fits_with_some_to_spare(long rows, object step)
    {
        var ivfflat = VectorIndexDefinition.IvfFlat(null, false, 500);
        Assert.That(Plan(rows).Decide(null, true, ivfflat, 1000, Registered(ivfflat, 600_000, 0)).Step, Is.EqualTo((IndexStep)step));
    }

    [TestCase(399_000_000, IndexStep.Keep)]
    [TestCase(401_000_000, IndexStep.Build)]
    public void A_graph_is_built_again_when_most_of_it_is_dead(long bytes, object step)
    {
        var hnsw = VectorIndexDefinition.Hnsw(null, false, new HnswOptions());
        Assert.That(Plan(50_000).Decide(null, true, hnsw, bytes, Registered(hnsw, 100_000, 400_000_000)).Step, Is.EqualTo((IndexStep)step));
    }

    [TestCase(16, 32)]
    [TestCase(32, 64)]
    [TestCase(64, null, Description = "enough are enough")]
    public void Links_are_doubled_up_to_64(int links, int? expected)
    {
        var denser = Plan(300_000).Denser(VectorIndexDefinition.Hnsw(null, false, new HnswOptions(), links));
        Assert.That((denser?.M, denser?.EfConstruction), Is.EqualTo((expected, 4 * expected)));
    }

    [Test]
    public void Links_that_the_host_gave_or_that_do_not_fit_and_lists_stay_as_they_are()
    {
        var found = VectorIndexDefinition.Hnsw(null, false, new HnswOptions());
        Assert.That(Plan(300_000, options => options.Hnsw.M = 16).Denser(found), Is.Null);
        Assert.That(Plan(490_000).Denser(found), Is.Null, "with 32 the graph takes more than 2 GiB");
        Assert.That(Plan(300_000).Denser(VectorIndexDefinition.IvfFlat(null, false, 300)), Is.Null);
    }

    [TestCase(null, null, 16, 64)]
    [TestCase(null, 200, 16, 200)]
    [TestCase(8, null, 8, 64, Description = "pgvector's default is not gone below")]
    [TestCase(32, null, 32, 128)]
    public void Candidates_of_a_build_follow_the_links(int? m, int? given, int links, int candidates)
    {
        var wanted = VectorIndexDefinition.Hnsw(null, false, new HnswOptions { M = m, EfConstruction = given });
        Assert.That((wanted.M, wanted.EfConstruction), Is.EqualTo((links, candidates)));
        Assert.That(VectorIndexDefinition.Hnsw(null, false, new HnswOptions { EfConstruction = 64 }, links: 64).EfConstruction, Is.EqualTo(128), "pgvector asks for that");
    }

    [Test]
    public void A_graph_that_needed_more_links_has_them_after_it_is_built_again()
    {
        var found = VectorIndexDefinition.Hnsw(null, false, new HnswOptions(), links: 32);
        Assert.That(Plan(300_000).Replace(found, "worn").Wanted, Is.EqualTo(found));
        Assert.That(
            Plan(300_000, options => options.Indexes.HalfPrecision = true).Decide(null, true, found, 1000, null).Wanted,
            Is.EqualTo(found with { HalfPrecision = true }));
        Assert.That(Plan(300_000).Decide(null, true, found, 1000, Registered(found, 300_000, 0)).Step, Is.EqualTo(IndexStep.Keep));
        Assert.That(Plan(490_000).Replace(found, "worn").Wanted!.M, Is.EqualTo(16), "fewer rather than lists");
        Assert.That(Plan(300_000, options => options.Hnsw.M = 16).Replace(found, "worn").Wanted!.M, Is.EqualTo(16), "asked for");
    }

    /// <summary>Of ten million, each of 30,000 samples stands for 333: two of a type are 667 memories, or 2,000 of which chance took few.</summary>
    [TestCase(667, 2_000, IndexStep.Keep)]
    [TestCase(667, 20_000, IndexStep.Drop)]
    [TestCase(3_503_000, 2_000, IndexStep.Keep)]
    [TestCase(3_700_000, 2_000, IndexStep.Drop)]
    public void An_index_goes_only_when_its_type_is_past_the_limit_for_more_than_a_few_samples(long rows, long threshold, object step)
    {
        var hnsw = VectorIndexDefinition.Hnsw(MemoryType.Insight, false, new HnswOptions());
        var plan = Sampled(rows, options => options.Indexes.TypeThreshold = threshold);
        Assert.That(plan.Decide(MemoryType.Insight, true, hnsw, 1000, Registered(hnsw, 3_000, 0)).Step, Is.EqualTo((IndexStep)step));
    }

    [TestCase(5_000, IndexStep.Keep)]
    [TestCase(12_000, IndexStep.Build)]
    public void An_index_is_built_again_only_when_its_type_grew_by_more_than_a_few_samples(long rows, object step)
    {
        var ivfflat = VectorIndexDefinition.IvfFlat(MemoryType.Insight, false, 2);
        var plan = Sampled(rows, options => options.Indexes.Method = VectorIndexMethod.IvfFlat);
        Assert.That(plan.Decide(MemoryType.Insight, true, ivfflat, 1000, Registered(ivfflat, 2_000, 0)).Step, Is.EqualTo((IndexStep)step));
    }

    [TestCase(20_000_000, IndexStep.Keep)]
    [TestCase(60_000_000, IndexStep.Build)]
    public void A_graph_is_dead_only_when_its_type_shrank_by_more_than_a_few_samples(long bytes, object step)
    {
        var hnsw = VectorIndexDefinition.Hnsw(MemoryType.Insight, false, new HnswOptions());
        Assert.That(
            Sampled(2_000).Decide(MemoryType.Insight, true, hnsw, bytes, Registered(hnsw, 4_000, 16_000_000)).Step, Is.EqualTo((IndexStep)step));
    }

    [Test]
    public void Another_index_in_the_place_of_one_is_for_the_memories_of_now()
    {
        var ivfflat = VectorIndexDefinition.IvfFlat(null, false, 1000);
        var decision = Plan(1_900_000).Replace(ivfflat, "worn");
        Assert.That((decision.Step, decision.Wanted, decision.Reason[..4]), Is.EqualTo((IndexStep.Build, ivfflat with { Lists = 1378 }, "worn")));
    }

    [TestCase(0.98, 0.96, 0.008, "its recall fell from 0.980 to 0.960")]
    [TestCase(0.98, 0.965, 0.008, null, Description = "it may be 0.973 still")]
    [TestCase(0.972, 0.96, 0.008, null, Description = "it may have been 0.964 then")]
    [TestCase(0.96, 0.9, 0.008, null, Description = "it was not reached before")]
    [TestCase(0.98, 0.97, 0, null, Description = "it is reached")]
    public void A_recall_fell_when_the_errors_of_both_measurements_are_less(double before, double recall, double error, string? reason) => Assert.That(
        new RegisteredIndex { Recall = (float)before }.ReasonToRebuild(new MeasuredRecall(1000, recall, 1) { Error = error }, 0.97, 100), Is.EqualTo(reason));

    [TestCase(0.93, 0.03, true)]
    [TestCase(0.95, 0.03, false, Description = "it may be 0.98")]
    [TestCase(0.98, 0, false)]
    public void A_recall_misses_the_target_for_sure_by_more_than_its_error(double recall, double error, bool sure) =>
        Assert.That(new MeasuredRecall(1000, recall, 1) { Error = error }.SurelyMisses(0.97), Is.EqualTo(sure));

    [TestCase(100, 100, 300, false)]
    [TestCase(100, 100, 400, true)]
    [TestCase(100, 200, 400, false, Description = "more is asked for now")]
    [TestCase(150, 100, 400, false)]
    [TestCase(31, 31, 1000, true, Description = "all lists: the recall never falls")]
    [TestCase(null, 31, 1000, false)]
    public void An_index_is_worn_when_it_takes_several_times_the_effort(int? first, int lowest, int effort, bool worn)
    {
        var registered = new RegisteredIndex { Recall = 0.98f, TargetRecall = 0.97, FirstEffort = first };
        var measured = new MeasuredRecall(effort, 0.99, 1);
        var reason = worn ? $"it takes an effort of {effort} for the recall that took {first} at first" : null;
        Assert.That(registered.ReasonToRebuild(measured, 0.97, lowest), Is.EqualTo(reason));
        Assert.That((registered with { TargetRecall = 0.9 }).ReasonToRebuild(measured, 0.97, lowest), Is.Null, "it was measured for less");
        Assert.That(registered.ReasonToRebuild(measured with { Error = 0.03 }, 0.97, lowest), Is.Null, "a sample that no effort helps says nothing of the effort");
    }

    /// <summary>49 samples that found all of their 20, and one that found none: 0.98 with a standard error of 0.02.</summary>
    [Test]
    public void A_recall_counts_for_what_its_samples_make_sure()
    {
        double[][] found = [.. Enumerable.Repeat(Enumerable.Repeat(0.1, 20).ToArray(), 49), []];
        double[] farthest = [.. Enumerable.Repeat(0.1, 50)];

        var (mean, least) = RecallMeasurement.Recall(found, farthest, 20);

        Assert.That(mean, Is.EqualTo(0.98).Within(1e-9));
        Assert.That(least, Is.EqualTo(0.98 - (1.645 * 0.02)).Within(1e-9));
        Assert.That(RecallMeasurement.Recall(found[..49], farthest, 20).Least, Is.EqualTo(1));
    }

    [Test]
    public void Samples_are_fewer_where_an_exact_search_takes_long()
    {
        Assert.That(
            ((long[])[0, 100_000, 400_000, 1_000_000, 100_000_000]).Select(RecallMeasurement.SamplesFor), Is.EqualTo(new[] { 200, 200, 50, 25, 25 }));
    }

    [TestCase("0.8.0", ExpectedResult = false)]
    [TestCase("0.8.1", ExpectedResult = false)]
    [TestCase("0.8.2", ExpectedResult = true)]
    [TestCase("0.10.0", ExpectedResult = true)]
    public bool Builds_are_parallel_from_the_version_on_that_does_not_overflow(string version) =>
        new IndexCatalog.ServerFacts { Pgvector = version }.BuildsSafelyInParallel;

    private static IndexPlan Plan(long rows, Action<UnifiedMemoryOptions>? configure = null)
    {
        var options = new UnifiedMemoryOptions();
        configure?.Invoke(options);
        return new IndexPlan(options, Dimensions, new MemoryCounts(rows, new Dictionary<MemoryType, long> { [MemoryType.Rag] = rows }));
    }

    /// <summary>Ten million, of which so many are insights, as far as 30,000 samples tell.</summary>
    private static IndexPlan Sampled(long insights, Action<UnifiedMemoryOptions>? configure = null)
    {
        const long total = 10_000_000;
        var options = new UnifiedMemoryOptions();
        configure?.Invoke(options);
        return new IndexPlan(options, Dimensions, new MemoryCounts(total, new Dictionary<MemoryType, long> { [MemoryType.Insight] = insights })
        {
            PerSample = total / 30_000.0,
        });
    }

    private static RegisteredIndex Registered(VectorIndexDefinition definition, long rows, long bytes) => new()
    {
        Name = definition.Name,
        Method = VectorIndexDefinition.MethodName(definition.Method),
        HalfPrecision = definition.HalfPrecision,
        Lists = definition.Lists,
        Rows = rows,
        Bytes = bytes,
    };
}
