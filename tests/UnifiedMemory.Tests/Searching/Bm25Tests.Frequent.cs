namespace UnifiedMemory.Tests.Searching;

/// <summary>Words that stand in more memories than are read for one.</summary>
public sealed partial class Bm25Tests
{
    [Test]
    public async Task In_a_large_scope_the_weight_of_a_word_is_that_of_the_scope()
    {
        // "common" stands in each memory of the agents, and in ten of the others; "tenth" in each tenth of all.
        await InsertAsync(12_000, "agent", "'common filler' || i || CASE WHEN i % 10 = 0 THEN ' tenth' ELSE '' END");
        await InsertAsync(12_000, "rag", "'filler' || i || CASE WHEN i % 1200 = 1 THEN ' common' WHEN i % 10 = 0 THEN ' tenth' ELSE '' END");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        var matches = await Store.SearchAsync(new MemoryQuery("tenth common") { Mode = SearchMode.Text, Types = [MemoryType.Rag], Limit = 30 });

        Assert.That(matches, Has.Count.EqualTo(30));
        Assert.That(matches.Take(10).Select(match => match.Record.Content), Is.All.Contains("common"));
        Assert.That(matches[0].TextScore, Is.EqualTo(Math.Log(1 + (11_990.5 / 10.5))).Within(15).Percent);
    }

    [Test]
    public async Task In_a_large_scope_a_filter_does_not_hide_what_only_the_frequent_words_find()
    {
        // Of each hundredth one: 7 with the rarer word, and nearly all with the frequent one.
        await InsertAsync(24_000, "rag", "'filler' || i || CASE WHEN i % 17 = 0 THEN ' rarer' ELSE '' END || CASE WHEN i % 2400 < 2000 THEN ' frequent' ELSE '' END", "CASE WHEN i % 100 = 0 THEN 'few' ELSE 'many' END");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        var matches = await Store.SearchAsync(new MemoryQuery("rarer frequent") { Mode = SearchMode.Text, Kind = "few", Limit = 50 });

        Assert.That(matches, Has.Count.EqualTo(50));
        Assert.That(matches[0].Record.Content, Does.Contain("rarer"));
    }

    [Test]
    public async Task Of_a_word_that_stands_in_each_memory_few_memories_are_read()
    {
        const int searches = 10;
        await InsertAsync(24_000, "rag", "'everywhere filler' || i");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        // A server process tells its counts when it ends.
        await using (var store = NewStore(options => options.MaxPoolSize = 1))
        {
            for (var i = 0; i < searches; i++)
                Assert.That(await store.SearchAsync(new MemoryQuery("everywhere") { Mode = SearchMode.Text }), Has.Count.EqualTo(10));
        }

        long read = 0;
        await Eventually.TrueAsync(
            async () => (read = await TestServer.ScalarAsync<long>(
                $"SELECT idx_tup_fetch FROM pg_stat_all_tables WHERE schemaname = '{Prefix}memories' AND relname = 'memories'")) >= searches * 2_500,
            "what the searches read is counted");
        Assert.That(read, Is.LessThan(searches * 5_000), "of 240,000");
    }

    [Test]
    public async Task A_word_that_the_filter_leaves_nothing_of_does_not_hide_a_frequent_one()
    {
        // Two words of the table that would do, of which one stands in no memory of the scope.
        await InsertAsync(12_000, "agent", "'filler' || i || CASE WHEN i % 5 < 2 THEN ' invoice' ELSE '' END || CASE WHEN i % 4 < 3 THEN ' order' ELSE '' END");
        await InsertAsync(12_000, "rag", "'filler' || i || CASE WHEN i % 4 < 3 THEN ' order' ELSE '' END");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        var matches = await Store.SearchAsync(new MemoryQuery("invoice order") { Mode = SearchMode.Text, Types = [MemoryType.Rag], Limit = 1_000 });

        Assert.That(matches, Has.Count.EqualTo(1_000));
        Assert.That(matches.Select(match => match.Record.Content), Is.All.Contains("order"));
    }

    [Test]
    public async Task Rare_words_of_the_same_memories_do_not_hide_a_frequent_one()
    {
        await InsertAsync(24_000, "rag", "'filler' || i || CASE WHEN i % 40 = 0 THEN ' one other' ELSE '' END || CASE WHEN i % 2 = 0 THEN ' frequent' ELSE '' END");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        var matches = await Store.SearchAsync(new MemoryQuery("one other frequent") { Mode = SearchMode.Text, Limit = 1_000 });

        Assert.That(matches, Has.Count.EqualTo(1_000));
        Assert.That(matches.Take(600).Select(match => match.Record.Content), Is.All.Contains("one other"));
    }

    [Test]
    public async Task A_word_that_stands_in_more_of_the_scope_than_elsewhere_weighs_little_in_it()
    {
        await InsertAsync(20_000, "agent", "'assistant filler' || i");
        await InsertAsync(40_000, "rag", "'filler' || i");

        // In the order of random ids, so that each page has a third of the one: the sample of pages is then right within 3 %, and of types that
        // lie apart only within 6 %, which is why this failed once.
        await TestServer.ExecuteAsync($"CLUSTER {Table} USING memories_id");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        var matches = await Store.SearchAsync(new MemoryQuery("assistant") { Mode = SearchMode.Text, Types = [MemoryType.Agent] });

        // Half of them are read. Were the word in no more than those, it would weigh 0.69.
        Assert.That(matches, Has.Count.EqualTo(10));
        Assert.That(matches[0].TextScore, Is.LessThan(0.4));
    }

    [Test]
    public async Task Words_that_stand_nowhere_take_no_place_from_those_that_stand_somewhere()
    {
        await InsertAsync(1_000, "rag", "'filler' || i || CASE WHEN i % 10 = 0 THEN ' timeout' ELSE '' END");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");
        var trace = string.Join(' ', Enumerable.Range(0, 200).Select(i => $"0x7f{i:x4}"));

        var matches = await Store.SearchAsync(new MemoryQuery($"{trace} timeout filler777") { Mode = SearchMode.Text, Limit = 1_000 });

        Assert.That(matches, Has.Count.EqualTo(101));
        Assert.That(matches[0].Record.Content, Is.EqualTo("filler777"));
    }

    [Test]
    public async Task Of_frequent_words_under_a_filter_that_no_index_helps_the_memories_are_read_once()
    {
        const int searches = 5;
        await InsertAsync(24_000, "rag", "'filler' || i || ' ' || concat_ws(' ', CASE WHEN i % 2 = 0 THEN 'waa wab wac' END, CASE WHEN i % 3 = 0 THEN 'wba wbb wbc' END)", "CASE WHEN i % 8000 = 0 THEN 'few' ELSE 'many' END");
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        await using (var store = NewStore(options => options.MaxPoolSize = 1))
        {
            for (var i = 0; i < searches; i++)
            {
                var query = new MemoryQuery("waa wab wac wba wbb wbc") { Mode = SearchMode.Text, Kind = "few" };
                Assert.That(await store.SearchAsync(query), Has.Count.EqualTo(3));
            }
        }

        long read = 0;
        await Eventually.TrueAsync(
            async () => (read = await TestServer.ScalarAsync<long>(
                $"SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_all_tables WHERE schemaname = '{Prefix}memories' AND relname = 'memories'")) >= searches * 24_000,
            "what the searches read is counted");
        Assert.That(read, Is.LessThan((searches + 3) * 24_000), "through the index of words 60,000 each");
    }

    private Task InsertAsync(int count, string type, string content, string kind = "NULL") => TestServer.ExecuteAsync(
        $"""
        INSERT INTO {Table} (namespace, id, memory_type, kind, content, content_hash, identity_hash, embedding)
        SELECT 'default', gen_random_uuid(), '{type}', {kind}, {content}, sha256('{type}'), sha256(('{type} ' || i)::bytea), '[1,0,0,0,0,0,0,0]'
        FROM generate_series(1, {count}) AS i
        """);
}
