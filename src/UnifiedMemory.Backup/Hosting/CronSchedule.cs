using Cronos;

namespace UnifiedMemory.Backup.Hosting;

/// <summary>When something is due.</summary>
internal sealed class CronSchedule(string expression, string timeZone)
{
    private readonly CronExpression _expression = CronExpression.Parse(expression);
    private readonly TimeZoneInfo _zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);

    /// <summary>
    /// The first time after the last one: in the past when that was missed. Without a last one it is now. One that lies in the
    /// future, as after a clock was set back, counts as now, or else nothing would be done until then.
    /// </summary>
    public DateTimeOffset DueAfter(DateTimeOffset? last, DateTimeOffset now)
    {
        if (last is not { } time)
            return now;
        return _expression.GetNextOccurrence(time > now ? now : time, _zone) ?? DateTimeOffset.MaxValue;
    }
}
