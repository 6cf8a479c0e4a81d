using System.Text.Json.Nodes;

namespace UnifiedMemory.Tests.Managing;

/// <summary>Patterns that hold across projects, and what one project depends on.</summary>
public sealed class ProjectTests : StoreFixture
{
    private static ProjectPattern Pattern(double score = 0.8) => new(
        "migration", "shop", new() { ["from"] = "15", ["to"] = "17" }, new() { ["steps"] = new JsonArray("dump", "restore") }, score)
    {
        Tags = ["postgres", "upgrade"],
        CreatedAt = new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.FromHours(2)),
    };

    [Test]
    public async Task A_pattern_is_read_as_it_was_stored()
    {
        var stored = await Store.StorePatternAsync(Pattern() with { ApplicationCount = 3, LastApplied = new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero) });

        var read = (await ToListAsync(Store.ListPatternsAsync(new PatternFilter()))).Single();

        Assert.That(stored.Outcome, Is.EqualTo(StoreOutcome.Created));
        Assert.That(read.Id, Is.EqualTo(stored.Id));
        Assert.That((read.PatternType, read.ProjectId, read.OutcomeScore, read.ApplicationCount), Is.EqualTo(("migration", "shop", 0.8, 3)));
        Assert.That((read.CreatedAt, read.LastApplied), Is.EqualTo((Pattern().CreatedAt, (DateTimeOffset?)new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero))));
        Assert.That(read.Context.ToJsonString(), Is.EqualTo("""{"to":"17","from":"15"}"""), "jsonb orders keys by length");
        Assert.That(read.Solution["steps"]!.AsArray().Select(step => (string?)step), Is.EqualTo(["dump", "restore"]));
        Assert.That(read.Tags, Is.EqualTo(["postgres", "upgrade"]));
    }

    [Test]
    public async Task The_same_pattern_again_is_the_same_one_whatever_the_order_of_its_keys()
    {
        var first = await Store.StorePatternAsync(Pattern());
        var again = await Store.StorePatternAsync(Pattern(score: 0.1) with { Context = new() { ["to"] = "17", ["from"] = "15" }, Tags = [] });
        var other = await Store.StorePatternAsync(Pattern() with { ProjectId = null });
        var elsewhere = await Store.StorePatternAsync(Pattern() with { Namespace = "other" });

        Assert.That(again, Is.EqualTo(new StoredPattern(first.Id, StoreOutcome.AlreadyStored)));
        Assert.That(new[] { other.Outcome, elsewhere.Outcome }, Is.All.EqualTo(StoreOutcome.Created));
        var read = (await ToListAsync(Store.ListPatternsAsync(new PatternFilter { ProjectId = "shop" }))).Single();
        Assert.That((read.OutcomeScore, read.Tags.Count), Is.EqualTo((0.8, 2)), "nothing changed");
    }

    [Test]
    public async Task A_pattern_that_was_applied_more_often_brings_its_score()
    {
        await Store.StorePatternAsync(Pattern());
        await Store.StorePatternAsync(Pattern(score: 0.9) with { ApplicationCount = 2, LastApplied = DateTimeOffset.UnixEpoch });
        await Store.StorePatternAsync(Pattern(score: 0.2) with { ApplicationCount = 1 });

        var read = (await ToListAsync(Store.ListPatternsAsync(new PatternFilter()))).Single();

        Assert.That((read.OutcomeScore, read.ApplicationCount, read.LastApplied), Is.EqualTo((0.9, 2, (DateTimeOffset?)DateTimeOffset.UnixEpoch)));
    }

    [Test]
    public async Task Patterns_are_filtered()
    {
        await Store.StorePatternAsync(Pattern());
        await Store.StorePatternAsync(Pattern(score: 0.3) with { PatternType = "rollback", Tags = ["postgres"] });
        await Store.StorePatternAsync(Pattern() with { Namespace = "other", ProjectId = "billing" });

        Assert.That(await CountAsync(new PatternFilter()), Is.EqualTo(2));
        Assert.That(await CountAsync(new PatternFilter { Namespace = MemoryFilter.AllNamespaces }), Is.EqualTo(3));
        Assert.That(await CountAsync(new PatternFilter { PatternType = "rollback" }), Is.EqualTo(1));
        Assert.That(await CountAsync(new PatternFilter { Namespace = "other", ProjectId = "billing" }), Is.EqualTo(1));
        Assert.That(await CountAsync(new PatternFilter { Tags = ["postgres", "upgrade"] }), Is.EqualTo(1));
        Assert.That(await CountAsync(new PatternFilter { MinimumScore = 0.5 }), Is.EqualTo(1));

        async Task<int> CountAsync(PatternFilter filter) => (await ToListAsync(Store.ListPatternsAsync(filter))).Count;
    }

    [Test]
    public async Task A_dependency_is_stored_once()
    {
        var dependency = new ProjectDependency("shop", "billing", ProjectDependencyType.SharesCode)
        {
            Description = "the money type",
            Metadata = new() { ["files"] = 2 },
        };

        Assert.That(await Store.AddDependencyAsync(dependency), Is.EqualTo(StoreOutcome.Created));
        Assert.That(await Store.AddDependencyAsync(dependency with { Description = "other" }), Is.EqualTo(StoreOutcome.AlreadyStored));
        Assert.That(await Store.AddDependencyAsync(dependency with { Type = ProjectDependencyType.Uses }), Is.EqualTo(StoreOutcome.Created));

        var read = await ToListAsync(Store.ListDependenciesAsync(new DependencyFilter { Type = ProjectDependencyType.SharesCode }));
        Assert.That(read.Single(), Has.Property(nameof(ProjectDependency.Description)).EqualTo("the money type"));
        Assert.That(read.Single().Metadata!["files"]!.GetValue<int>(), Is.EqualTo(2));
        await Store.RemoveDependencyAsync(dependency);
        Assert.That(await ToListAsync(Store.ListDependenciesAsync(new DependencyFilter())), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Dependencies_are_found_from_both_sides_and_beyond_one_page()
    {
        for (var i = 0; i < 501; i++)
            await Store.AddDependencyAsync(new ProjectDependency($"p{i}", "core", ProjectDependencyType.Uses));
        await Store.AddDependencyAsync(new ProjectDependency("core", "p1", ProjectDependencyType.References));

        Assert.That(await ToListAsync(Store.ListDependenciesAsync(new DependencyFilter())), Has.Count.EqualTo(502));
        Assert.That(await ToListAsync(Store.ListDependenciesAsync(new DependencyFilter { Target = "core" })), Has.Count.EqualTo(501));
        Assert.That(await ToListAsync(Store.ListDependenciesAsync(new DependencyFilter { Source = "core" })), Has.Count.EqualTo(1));
    }

    [Test]
    public void What_is_not_valid_is_refused_before_anything_is_sent()
    {
        Assert.That(async () => await Store.StorePatternAsync(Pattern(score: double.NaN)), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(async () => await Store.StorePatternAsync(Pattern() with { PatternType = " " }), Throws.ArgumentException);
        Assert.That(async () => await Store.StorePatternAsync(Pattern() with { Context = new() { ["x"] = "a\0b" } }), Throws.ArgumentException);
        Assert.That(async () => await Store.StorePatternAsync(Pattern() with { Namespace = "*" }), Throws.ArgumentException);
        Assert.That(
            async () => await Store.AddDependencyAsync(new ProjectDependency("shop", "", ProjectDependencyType.Uses)), Throws.ArgumentException);
        Assert.That(
            async () => await Store.AddDependencyAsync(new ProjectDependency("shop", "b", (ProjectDependencyType)9)),
            Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Store.ListPatternsAsync(new PatternFilter { MinimumScore = 2 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
