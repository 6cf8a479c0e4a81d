using System.Diagnostics;
using System.Globalization;
using UnifiedMemory.Input;

namespace UnifiedMemory.Tests.Input;

public sealed class NamedDatesTests
{
    [TestCase("2023-05-08")]
    [TestCase("What did she say on 2023-05-08?")]
    [TestCase("the log of 2023-05-08T13:56:00Z")]
    [TestCase("8 May 2023")]
    [TestCase("08 may 2023")]
    [TestCase("1:56 pm on 8 May, 2023")]
    [TestCase("Monday, 8th of May, 2023.")]
    [TestCase("8th of MAY 2023")]
    [TestCase("8-May-2023")]
    [TestCase("May 8, 2023")]
    [TestCase("May 8,2023")]
    [TestCase("on May 8th 2023, or so")]
    [TestCase("May the 8th, 2023")]
    [TestCase("(May 8 2023)")]
    [TestCase("8\nMay\t2023")]
    [TestCase("8\u00a0May\u00a02023", Description = "no-break spaces")]
    public void A_day_is_found(string text) => Assert.That(Found(text), Is.EqualTo("2023-05-08..2023-05-09"));

    [TestCase("What happened in May 2023?", "2023-05-01..2023-06-01")]
    [TestCase("mid-May 2023", "2023-05-01..2023-06-01")]
    [TestCase("May, 2023", "2023-05-01..2023-06-01")]
    [TestCase("in May of 2023", "2023-05-01..2023-06-01")]
    [TestCase("2023-05", "2023-05-01..2023-06-01")]
    [TestCase("in 2023-05 or so", "2023-05-01..2023-06-01")]
    [TestCase("December 2023", "2023-12-01..2024-01-01")]
    [TestCase("Feb 2024", "2024-02-01..2024-03-01")]
    public void A_month_is_found(string text, string range) => Assert.That(Found(text), Is.EqualTo(range));

    [TestCase("Where did they go in 2023?")]
    [TestCase("During 2023, who")]
    [TestCase("the summer of 2023")]
    [TestCase("since 2023-")]
    [TestCase("in the year 2023")]
    [TestCase("in late 2023.")]
    public void A_year_is_found_after_a_word_that_asks_for_one(string text) =>
        Assert.That(Found(text), Is.EqualTo("2023-01-01..2024-01-01"));

    [TestCase(1, "Jan", "January", "jan.")]
    [TestCase(2, "Feb", "February", "FEB.")]
    [TestCase(3, "Mar", "March", "mar.")]
    [TestCase(4, "Apr", "April", "apr.")]
    [TestCase(5, "May", "may", "MAY")]
    [TestCase(6, "Jun", "June", "jun.")]
    [TestCase(7, "Jul", "July", "jul.")]
    [TestCase(8, "Aug", "August", "aug.")]
    [TestCase(9, "Sep", "September", "Sept.", "Sept", "sep.")]
    [TestCase(10, "Oct", "October", "oct.")]
    [TestCase(11, "Nov", "November", "nov.")]
    [TestCase(12, "Dec", "December", "dec.")]
    public void Each_month_has_its_names(int month, params string[] names)
    {
        foreach (var name in names)
        {
            var day = $"2023-{month:00}-28..{new DateTime(2023, month, 28).AddDays(1):yyyy-MM-dd}";
            Assert.That(Found($"28 {name} 2023"), Is.EqualTo(day), name);
            Assert.That(Found($"{name} 28, 2023"), Is.EqualTo(day), name);
            Assert.That(Found($"{name} 2023"), Does.StartWith($"2023-{month:00}-01.."), name);
        }
    }

    [TestCase("8 May")]
    [TestCase("on May 8th")]
    [TestCase("08/05/2023")]
    [TestCase("2023")]
    [TestCase("2023 people")]
    [TestCase("of 2,023 people")]
    [TestCase("in 2023.5 units")]
    [TestCase("of $2023")]
    [TestCase("of 1234 turns")]
    [TestCase("in 20235")]
    [TestCase("dismay 2023")]
    [TestCase("May 20234")]
    [TestCase("12023-05-08")]
    [TestCase("2023-05-081")]
    [TestCase("2023-05-08x")]
    [TestCase("555-2023-05-08")]
    [TestCase("may I, 2 or 3 times")]
    [TestCase("how many may 1000 users ask")]
    [TestCase("they march 1500 miles")]
    [TestCase("٨ May ٢٠٢٣", Description = "digits of another script")]
    [TestCase("last week")]
    [TestCase("")]
    public void What_is_no_date_or_needs_a_guess_is_left_alone(string text) => Assert.That(Found(text), Is.Empty);

    [TestCase("31 February 2023")]
    [TestCase("February 29th, 2023")]
    [TestCase("2023-02-31")]
    [TestCase("2023-13-01")]
    [TestCase("2023-13")]
    [TestCase("2023-00-10")]
    [TestCase("0 May 2023")]
    [TestCase("May 99, 2023")]
    public void An_impossible_date_is_ignored_as_a_whole(string text) => Assert.That(Found(text), Is.Empty);

    [Test]
    public void A_leap_day_is_a_day() => Assert.That(Found("29 February 2024"), Is.EqualTo("2024-02-29..2024-03-01"));

    [Test]
    public void All_dates_of_a_text_are_found_once_each_in_its_order() =>
        Assert.That(
            Found("from 8 May 2023-10 May 2023, also May 8, 2023, in June 2023 and in 2022"),
            Is.EqualTo("2023-05-08..2023-05-09 2023-05-10..2023-05-11 2023-06-01..2023-07-01 2022-01-01..2023-01-01"));

    [Test]
    public void No_more_than_eight_are_found() =>
        Assert.That(NamedDates.In(string.Join(", ", Enumerable.Range(1, 28).Select(day => $"{day} May 2023"))), Has.Count.EqualTo(8));

    [Test]
    public void Ranges_are_in_utc()
    {
        var (from, to) = NamedDates.In("May 2023").Single();

        Assert.That(new[] { from.Kind, to.Kind }, Is.All.EqualTo(DateTimeKind.Utc));
    }

    [Test]
    public void The_last_year_has_an_end() => Assert.That(Found("31 December 2999"), Is.EqualTo("2999-12-31..3000-01-01"));

    [Test]
    public void Only_the_beginning_of_a_text_is_looked_at()
    {
        Assert.That(Found(new string(' ', 1_900) + "8 May 2023"), Is.Not.Empty);
        Assert.That(Found(new string(' ', 2_000) + "8 May 2023"), Is.Empty);
    }

    [TestCase("May 1")]
    [TestCase("8 2 ")]
    [TestCase("18th of May, ")]
    [TestCase("in the year 19")]
    [TestCase("2023-")]
    [TestCase("1")]
    [TestCase("1 ")]
    [TestCase("1-")]
    [TestCase("31 Feb 2023 ")]
    [TestCase("1\ud83e")]
    [TestCase("1İıſK")]
    public void A_hostile_text_takes_no_time(string part)
    {
        var text = string.Concat(Enumerable.Repeat(part, 1_000_000 / part.Length));
        NamedDates.In(text);

        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < 100; i++)
            Assert.That(NamedDates.In(text), Is.Empty);
        // Measured on a busy machine, the compilation of the code included: at most 8 ms a call.
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(5)));
    }

    private static string Found(string text) => string.Join(
        ' ', NamedDates.In(text).Select(range => string.Create(CultureInfo.InvariantCulture, $"{range.From:yyyy-MM-dd}..{range.To:yyyy-MM-dd}")));
}
