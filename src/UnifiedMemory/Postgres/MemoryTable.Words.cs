namespace UnifiedMemory.Postgres;

/// <summary>
/// The words of a query, ranked by BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
/// https://doi.org/10.1561/1500000019, with idf ln(1 + (N − df + 0.5) / (df + 0.5)). N is the size of the scope, df is counted in it,
/// and the length of a memory is its number of different words. k1 = 0.9 and b = 0.4 are the values of Trotman, Puurula and Burgess,
/// https://doi.org/10.1145/2682862.2682863.
/// </summary>
internal sealed partial class MemoryTable
{
    // With their type: a bare 0.9 is numeric, whose arithmetic takes ten times as long.
    private const string K1 = "0.9::float8";
    private const string B = "0.4::float8";

    /// <summary>Different words of a query that are looked for: the rarest.</summary>
    private const int MostWords = 64;

    /// <summary>
    /// Postings (a word in a memory) that are read, at 5 to 9 µs each. Words that are too frequent for that choose no candidates; they only
    /// score the candidates of the others. They weigh little: a word in each third memory 1.1, one in a thousand 6.9.
    /// </summary>
    private const int MostPostings = 10_000;

    /// <summary>
    /// Where the rare words yield fewer postings in the scope than this, the next frequent word chooses candidates after all, some of its own.
    /// </summary>
    private const int FewestPostings = 1_000;

    /// <summary>So many: a word in more memories than can be read says little of any of them.</summary>
    private const int PostingsOfFrequent = 2_500;

    /// <summary>
    /// Whether a word is looked for in the memories of a small scope, all such words in one pass, instead of in its index. That yields the
    /// word's postings of the whole table, at 0.05 µs each whatever the filter, and each memory with it is read again for each word, at 4 µs. A
    /// pass takes 5 µs a memory, and is worth it from two or three frequent words on.
    /// </summary>
    private static readonly string IsScanned = $"@visited <= {MostPostings} AND frequency * (0.05 * @total + 4 * @visited) > 2 * @visited";

    /// <summary>
    /// How often a word stands in a memory, from the one function that tells it without unpacking the vector (1 µs instead of 15):
    /// <c>ts_rank</c> of one word is (1 + 1/4 + … + 1/tf²) / (π²/6), and the rest of that series is 1 / (tf + 1/2) but for a hair. It is
    /// exact up to the 255 positions that PostgreSQL keeps of a word; of a text's words after the 16,383rd it keeps none. https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/tsrank.c
    /// </summary>
    private static string Frequency(string vector, string term) =>
        $$"""round(1 / (1.64493406685::float8 * (1 - ts_rank('{1,1,1,1}', {{vector}}, {{term}}))) - 0.5::float8)""";

    private static string TermScore(string frequency, string length) =>
        $"sum(weight * {frequency} * ({K1} + 1) / ({frequency} + {K1} * (1 - {B} + {B} * {length} / @average)))";

    /// <summary>The text score of one memory, of the words in <c>weighed</c>.</summary>
    private static readonly string TextScore =
        $"""
        (SELECT COALESCE({TermScore("occurrence.frequency", "length(memory.content_tsv)")}, 0)
         FROM weighed CROSS JOIN LATERAL (SELECT {Frequency("memory.content_tsv", "weighed.term")} AS frequency) AS occurrence
         WHERE memory.content_tsv @@ weighed.term)
        """;

    /// <summary>
    /// From the words of the query to the candidates: <c>worded</c>, and <c>weighed</c>, the words with their weights. How frequent a
    /// word is in the whole table is known from ANALYZE. It decides whether and how a word is looked for, and weighs only words that were
    /// not counted in the scope.
    /// </summary>
    private string Words(string filter, int candidates) =>
        $"""
        common AS MATERIALIZED (
            SELECT seen.lexeme, seen.frequency
            FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS seen (lexeme, frequency)
            WHERE schemaname = '{schema.Name}' AND tablename = 'memories' AND attname = 'content_tsv'
              AND seen.lexeme IS NOT NULL),
        asked AS MATERIALIZED (
            SELECT word.lexeme, ('''' || replace(replace(word.lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS term,
                   COALESCE(common.frequency, 0) AS frequency
            FROM unnest({schema.TextVector}(@text)) AS word LEFT JOIN common USING (lexeme)
            ORDER BY frequency, cardinality(word.positions) DESC, lexeme LIMIT {MostWords}),
        words AS MATERIALIZED (
            SELECT *, {IsScanned} AS is_scanned,
                   postings_so_far <= {MostPostings}
                   OR (postings_so_far - postings) * LEAST(@scope / GREATEST(@visited, 1), 1) < {FewestPostings} AS is_chosen
            FROM (SELECT *, @visited * frequency AS postings, @visited * sum(frequency) OVER (ORDER BY frequency, lexeme) AS postings_so_far
                  FROM asked) AS counting),
        posting AS MATERIALIZED (
            {Postings(filter, $"postings <= {MostPostings}", MostPostings)}
            UNION ALL
            {Postings(filter, $"postings > {MostPostings}", PostingsOfFrequent)}
            UNION ALL
            SELECT words.lexeme, found.namespace, found.id, length(found.content_tsv), {Frequency("found.content_tsv", "words.term")}
            FROM (SELECT namespace, id, content_tsv || ''::tsvector AS content_tsv FROM {schema.Memories}
                  WHERE (SELECT bool_or(is_scanned) FROM words WHERE is_chosen) AND {filter} OFFSET 0) AS found
                 JOIN words ON words.is_chosen AND words.is_scanned AND found.content_tsv @@ words.term),
        counted AS MATERIALIZED (SELECT lexeme, count(*) AS memories FROM posting GROUP BY lexeme),
        weighed AS MATERIALIZED (
            SELECT lexeme, term, ln(1 + (GREATEST(@scope, document_frequency) - document_frequency + 0.5) / (document_frequency + 0.5)) AS weight
            FROM (SELECT lexeme, term, CASE WHEN memories < {PostingsOfFrequent} OR postings <= {MostPostings} AND memories < {MostPostings} THEN memories ELSE GREATEST(COALESCE(memories, 0), @scope * frequency) END AS document_frequency
                  FROM words LEFT JOIN counted USING (lexeme)) AS weighing),
        worded AS MATERIALIZED (
            SELECT namespace, id FROM posting JOIN weighed USING (lexeme)
            GROUP BY namespace, id ORDER BY {TermScore("frequency", "length")} DESC, id LIMIT {candidates})
        """;

    /// <summary>From the index of words. The limit is a number in the statement, or else the planner would take the index for a bad way to few rows.</summary>
    private string Postings(string filter, string condition, int limit) =>
        $"""
        SELECT words.lexeme, found.namespace, found.id, found.length, {Frequency("found.content_tsv", "words.term")} AS frequency
        FROM words CROSS JOIN LATERAL (
            SELECT namespace, id, content_tsv, length(content_tsv) AS length FROM {schema.Memories}
            WHERE content_tsv @@ words.term AND {filter} LIMIT {limit}) AS found
        WHERE words.is_chosen AND NOT words.is_scanned AND {condition}
        """;
}
