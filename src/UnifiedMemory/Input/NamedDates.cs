using System.Globalization;
using System.Text.RegularExpressions;

namespace UnifiedMemory.Input;

/// <summary>
/// Days, months and years that an English text names: <c>8 May 2023</c>, <c>May 8th, 2023</c>, <c>2023-05-08</c>, <c>Sept. 2023</c>,
/// <c>in 2023</c>. Not what needs a guess: a date without its year, an all-numeric one in the order of a country, "last week".
/// </summary>
/// <remarks>
/// Microsoft.Recognizers.Text.DateTime finds far more, in 4.6 MB of assemblies and with NuGet.CommandLine and outdated caching
/// packages among its dependencies. That is too much for a store that needs these few forms.
/// </remarks>
internal static partial class NamedDates
{
    /// <summary>A question names its date near its beginning; a text of a megabyte must not cost more than a question.</summary>
    private const int MaxCharacters = 2_000;

    private const int MaxRanges = 8;

    private const string Month =
        "(?<month>jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)";

    private const string Day = "(?<day>[0-9]{1,2})(st|nd|rd|th)?";

    /// <summary>With it neither the ends of the calendar nor numbers such as 0042 are years.</summary>
    private const string Year = "(?<year>[12][0-9]{3})";

    private const string Gap = @"[\s-]{1,3}";

    private const string BeforeYear = @"(\.?,?[\s-]{1,3}|\.?,)";

    private const string IsoDay = $@"(?<!-){Year}-(?<number>[0-9]{{2}})-(?<day>[0-9]{{2}})(?=T[0-9]|(?!-?\w))";

    private const string DayMonthYear = $@"{Day}{Gap}(of{Gap})?{Month}{BeforeYear}{Year}(?!\w)";

    private const string MonthDayYear = $@"{Month}\.?{Gap}(the{Gap})?{Day}{BeforeYear}{Year}(?!\w)";

    /// <summary>Of these centuries only: "may 1000 users" and "march 1500 miles" are no months.</summary>
    private const string MonthYear = $@"{Month}{BeforeYear}(of{Gap})?(?<year>(19|20)[0-9]{{2}})(?!\w)";

    private const string IsoMonth = $@"(?<!-){Year}-(?<number>[0-9]{{2}})(?!-?\w)";

    /// <summary>A number alone is a year after such a word only, and when it looks like one of these centuries.</summary>
    private const string YearAlone =
        $@"(in|during|of|since|from|throughout){Gap}((the{Gap}year|early|mid|late){Gap})?(?<year>(19|20)[0-9]{{2}})(?!\w|[.,][0-9]|-[0-9]{{2}}(?![0-9]))";

    /// <summary>The ranges of time that the text names: from the first instant to the one after the last, in UTC; each once, at most 8.</summary>
    public static IReadOnlyList<(DateTime From, DateTime To)> In(string text)
    {
        var start = text.Length <= MaxCharacters ? text : text[..MaxCharacters];
        if (!start.AsSpan().ContainsAny('1', '2'))
            return []; // no year, as in nearly every question

        var ranges = new List<(DateTime From, DateTime To)>();
        for (var match = Pattern().Match(start); match.Success && ranges.Count < MaxRanges; match = match.NextMatch())
        {
            if (RangeOf(match) is { } range && !ranges.Contains(range))
                ranges.Add(range);
        }

        return ranges;
    }

    private static (DateTime From, DateTime To)? RangeOf(Match match)
    {
        var year = int.Parse(match.Groups["year"].ValueSpan, CultureInfo.InvariantCulture);
        var month = match.Groups["month"] is { Success: true } named ? MonthOf(named.Value) : Number(match.Groups["number"]);
        var day = Number(match.Groups["day"]);
        if (month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month ?? 1))
            return null;

        var from = new DateTime(year, month ?? 1, day ?? 1, 0, 0, 0, DateTimeKind.Utc);
        return (from, day is not null ? from.AddDays(1) : month is not null ? from.AddMonths(1) : from.AddYears(1));
    }

    private static int MonthOf(string name) =>
        1 + Array.FindIndex(
            CultureInfo.InvariantCulture.DateTimeFormat.AbbreviatedMonthNames,
            month => name.StartsWith(month, StringComparison.OrdinalIgnoreCase));

    private static int? Number(Group group) => group.Success ? int.Parse(group.ValueSpan, CultureInfo.InvariantCulture) : null;

    /// <summary>
    /// The longest form first, so that no part of a date, also of an impossible one, is taken for a date of its own. Every
    /// repetition is bounded, so the time is linear in the text.
    /// </summary>
    [GeneratedRegex(
        $@"(?<!\w)({IsoDay}|{DayMonthYear}|{MonthDayYear}|{MonthYear}|{IsoMonth}|{YearAlone})",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
