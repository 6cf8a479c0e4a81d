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

    /// <summary>Different words of a query that count: of those that stand in the scope, or often elsewhere, the rarest.</summary>
    private const int MostWords = 64;

    /// <summary>Different words of a query that are looked at for that.</summary>
    private const int MostWordsOfText = 1_000;

    /// <summary>
    /// Postings (a word in a memory) that are read, at 5 to 9 µs each, as far as ANALYZE knows how frequent the words are. Words that are
    /// too frequent for that choose no candidates; they only score the candidates of the others. They weigh little: a word in each third
    /// memory 1.1, one in a thousand 6.9.
    /// </summary>
    private const int MostPostings = 10_000;

    /// <summary>
    /// Where the rare words are expected to yield fewer postings in the scope than this, the next frequent word chooses candidates after
    /// all, some of its own. Where they yield fewer memories than there are to be candidates, all frequent words do.
    /// </summary>
    private const int FewestPostings = 1_000;

    /// <summary>So many: a word in more memories than can be read says little of any of them.</summary>
    private const int PostingsOfFrequent = 2_500;

    /// <summary>
    /// Whether the chosen words are looked for in the memories of a small scope, all in one pass, instead of in their index. That yields a
    /// word's postings of the whole table, at 0.05 µs each whatever the filter, and each memory with it is read again for each word, at 4 µs,
    /// until enough pass the filter. The pass takes 2 µs for each memory that is visited and 3 for each in the scope.
    /// </summary>
    private static readonly string IsScanned =
        $"""
        is_chosen AND frequency > 0 AND @scope <= {MostPostings} AND 2 * @visited + 3 * @scope < sum(
            0.05 * frequency * @total + 4 * LEAST(frequency * @visited, {PostingsOfFrequent} * @visited / GREATEST(@scope, 1)))
            FILTER (WHERE is_chosen) OVER ()
        """;

    /// <summary>
    /// In how many memories of the scope a word stands: as many as were found, unless there were too many to find all of them, or it was not
    /// looked for. Then as many as if its memories were spread evenly; and where more were found than that, between those and all of them.
    /// </summary>
    private const string DocumentFrequency =
        """
        CASE WHEN memories < most OR is_scanned THEN COALESCE(memories, 0)
             WHEN memories > @scope * frequency THEN sqrt(memories * GREATEST(memories, LEAST(@scope, @total * frequency)))
             ELSE @scope * frequency END
        """;

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
        word AS MATERIALIZED (
            SELECT word.lexeme, ('''' || replace(replace(word.lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS term,
                   COALESCE(common.frequency, 0) AS frequency, cardinality(word.positions) AS times
            FROM unnest({schema.TextVector}(@text)) AS word LEFT JOIN common USING (lexeme)
            ORDER BY frequency, times DESC, lexeme LIMIT {MostWordsOfText}),
        asked AS MATERIALIZED (
            SELECT * FROM (SELECT * FROM word ORDER BY frequency, times DESC, lexeme OFFSET 0) AS asking
            WHERE (SELECT count(*) FROM word) <= {MostWords} OR frequency > 0
               OR (SELECT count(*) FROM (
                       SELECT FROM {schema.Memories} WHERE content_tsv @@ asking.term AND {filter} LIMIT {PostingsOfFrequent}) AS found) > 0
            LIMIT {MostWords}),
        words AS MATERIALIZED (
            SELECT *, CASE WHEN is_chosen AND postings <= {MostPostings} THEN {MostPostings} ELSE {PostingsOfFrequent} END AS most
            FROM (SELECT *, {IsScanned} AS is_scanned
                  FROM (SELECT *, postings_so_far <= {MostPostings}
                               OR (postings_so_far - postings) * LEAST(@scope / GREATEST(@visited, 1), 1) < {FewestPostings} AS is_chosen
                        FROM (SELECT *, @visited * frequency AS postings, @visited * sum(frequency) OVER (ORDER BY frequency, lexeme) AS postings_so_far
                              FROM asked) AS counting) AS choosing) AS scanning),
        chosen AS MATERIALIZED (
            {Postings(filter, $"is_chosen AND NOT is_scanned AND most = {MostPostings}", MostPostings)}
            UNION ALL
            {Postings(filter, $"is_chosen AND NOT is_scanned AND most = {PostingsOfFrequent}", PostingsOfFrequent)}
            UNION ALL
            SELECT words.lexeme, found.namespace, found.id, length(found.content_tsv), {Frequency("found.content_tsv", "words.term")}
            FROM (SELECT namespace, id, content_tsv || ''::tsvector AS content_tsv FROM {schema.Memories}
                  WHERE (SELECT bool_or(is_scanned) FROM words) AND {filter} OFFSET 0) AS found
                 JOIN words ON words.is_scanned AND found.content_tsv @@ words.term),
        posting AS MATERIALIZED (
            SELECT * FROM chosen
            UNION ALL
            {Postings(
                filter,
                $"CASE WHEN is_chosen THEN false ELSE (SELECT count(*) FROM (SELECT DISTINCT namespace, id FROM chosen) AS memory) < {candidates} END",
                PostingsOfFrequent)}),
        counted AS MATERIALIZED (SELECT lexeme, count(*) AS memories FROM posting GROUP BY lexeme),
        weighed AS MATERIALIZED (
            SELECT lexeme, term, ln(1 + (GREATEST(@scope, document_frequency) - document_frequency + 0.5) / (document_frequency + 0.5)) AS weight
            FROM (SELECT lexeme, term, {DocumentFrequency} AS document_frequency FROM words LEFT JOIN counted USING (lexeme)) AS weighing),
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
        WHERE {condition}
        """;
}
