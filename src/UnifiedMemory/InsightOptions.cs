namespace UnifiedMemory;

/// <summary>Which insights are found in memories, and how they are delivered to the sinks.</summary>
public sealed class InsightOptions
{
    /// <summary>
    /// An insight that is found in a text is kept from this confidence on, 0 to 1. Those that the host stores or marks as insights
    /// always are. Default: 0.5.
    /// </summary>
    public double MinimumConfidence { get; set; } = 0.5;

    /// <summary>Insights that are taken from one memory, 0 (none are looked for) to 100. Default: 10.</summary>
    public int MaxPerMemory { get; set; } = 10;

    /// <summary>
    /// How often a host looks for insights to deliver that it has not stored itself just now, or whose next try is due; zero for
    /// never, which leaves it to other hosts or to <c>DispatchPendingAsync</c>. Default: 5 s.
    /// </summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Insights of one namespace that are claimed at once, 1 to 1,000. Default: 20.</summary>
    public int BatchSize { get; set; } = 20;

    /// <summary>Namespaces that are delivered from at the same time, for each sink, 1 to 64. Default: 4.</summary>
    public int Parallelism { get; set; } = 4;

    /// <summary>
    /// How long one try may take. What was cut off by it, or by a host that stops, may be under way still, and is not tried again for twice as
    /// long. Default: 10 s.
    /// </summary>
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a host keeps what it has claimed, by the server's clock. After it, another host takes over from one that was killed.
    /// At least four times <see cref="DeliveryTimeout"/>. Default: 2 minutes.
    /// </summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Failed tries after which an insight is parked, 1 to 1,000. What was parked while the sink took nothing (its circuit was open, others
    /// failed, too, or nothing had arrived for <see cref="BreakDuration"/>) is queued again when the sink is back, for one more try, until it
    /// has failed twice as often. While nothing else is pending, one of them at a time is tried to find that out, each about once in
    /// <see cref="MaxRetryDelay"/>. Default: 10.
    /// </summary>
    public int MaxAttempts { get; set; } = 10;

    /// <summary>
    /// Failed tries of an insight for which the later ones of its namespace wait, so that a short failure does not change their order,
    /// 0 to 1,000. After them it lets the others pass until it is due again. Default: 3.
    /// </summary>
    public int OrderedAttempts { get; set; } = 3;

    /// <summary>The wait after the first failed try; it doubles with each, less up to half of it at random. Default: 1 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The longest wait between two tries, unless the sink asks for a longer one or a try was cut off. Default: 5 minutes.
    /// </summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a sink is left alone after five tries or more of which at least half failed, within 30 s and five times
    /// <see cref="DeliveryTimeout"/>; then one try shows whether it is back. Default: 30 s.
    /// </summary>
    public TimeSpan BreakDuration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a host that stops goes on delivering; zero for not at all. What is left is delivered later. Writing down what became of the
    /// last tries may take 3 s more; where the database does not answer, they are made again when their lease is over. Default: 5 s.
    /// </summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(5);

    internal InsightOptions Copy() => (InsightOptions)MemberwiseClone();
}
