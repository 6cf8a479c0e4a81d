using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy.Monitoring;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>
/// Delivers insights to a running Session-Buddy. It never deduplicates, so before anything is sent that may have arrived
/// already it is asked for the tag.
/// </summary>
internal sealed partial class ReflectionServer(SessionBuddyOptions options, ILogger logger, TimeProvider time) : IAsyncDisposable
{
    /// <summary>How long the server may be at work on a call after its time-out, in such time-outs.</summary>
    private const int CallTimeoutsOfWork = 2;

    private readonly ServerConnection _connection = new(options, logger, time);
    private int _saidThatItCannotLook;

    public async Task<ServerDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken)
    {
        var parts = ReflectionParts.Of(InjectionPhrases.Neutralize(insight.Content));
        if (parts.Count > 1)
            Log.Split(logger, insight.Id, parts.Count);
        var delivery = new PartialDelivery(insight, parts, options.CollectionTag) { Look = insight.Attempt > 1 };
        for (var renewed = false; ; renewed = true)
        {
            ServerSession? session = null;
            try
            {
                session = await WithTimeoutAsync(options.ConnectTimeout, _connection.GetAsync, cancellationToken).ConfigureAwait(false);
                var sent = await SendAsync(session, delivery, cancellationToken).ConfigureAwait(false);

                // Its tools are those of its start: the next try is to read them again.
                if (!session.CanStore || (delivery.Look && session.SearchTool is null))
                    _connection.Drop(session);
                return new ServerDelivery(sent);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                var reason = exception is TimeoutException ? "time-out" : ServerFailure.Describe(exception);
                if (session is null)
                {
                    return new ServerDelivery(Unavailable(delivery, $"No session with Session-Buddy at {options.Address}: {reason}."))
                    {
                        IsDown = ServerFailure.IsDown(exception),
                    };
                }

                if (ServerFailure.IsAnswer(exception))
                    return new ServerDelivery(Unavailable(delivery, $"Session-Buddy at {options.Address} answered with {reason}."));
                if (_connection.Drop(session))
                    Log.SessionLost(logger, options.Address, reason);
                if (renewed || exception is TimeoutException)
                    return new ServerDelivery(Unavailable(delivery, $"Session-Buddy at {options.Address} did not answer: {reason}."));

                // A server that was started again does not know the session. What was sent may have arrived nevertheless.
                delivery.Look = true;
            }
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<InsightDelivery> SendAsync(ServerSession session, PartialDelivery delivery, CancellationToken cancellationToken)
    {
        if (!session.CanStore)
            return Unavailable(delivery, $"The server at {options.Address} has no tool {ServerSession.StoreTool}.");
        if (delivery.Look && session.SearchTool is null)
        {
            if (Interlocked.Exchange(ref _saidThatItCannotLook, 1) == 0)
                Log.CannotLook(logger, options.Address);
        }
        else if (delivery.Look)
        {
            if (await FindMissingAsync(session, delivery, cancellationToken).ConfigureAwait(false) is not { } missing)
                return Unavailable(delivery, $"{session.SearchTool} did not say whether the insight is there.");

            // The server embeds before it inserts: it may be at work on a part though it does not find it.
            if (delivery.Unanswered == missing)
                return Unavailable(delivery, $"Session-Buddy at {options.Address} did not answer, and may be at work.");
            (delivery.Next, delivery.Unanswered) = (missing, null);
        }

        for (; delivery.Next < delivery.Parts.Count; delivery.Next++)
        {
            if (await StoreAsync(session, delivery, cancellationToken).ConfigureAwait(false) is { Outcome: not InsightOutcome.Delivered } failed)
                return failed;
        }

        return InsightDelivery.Delivered;
    }

    private async Task<InsightDelivery> StoreAsync(ServerSession session, PartialDelivery delivery, CancellationToken cancellationToken)
    {
        try
        {
            return (await CallAsync(session, ServerSession.StoreTool, ArgumentsOf(session, delivery), cancellationToken).ConfigureAwait(false)).ToDelivery();
        }
        catch (Exception exception) when (ServerFailure.MayHaveArrived(exception))
        {
            // A server that was started again is at work on nothing that was sent before.
            var isCutOff = exception is OperationCanceledException && !cancellationToken.IsCancellationRequested;
            if (!isCutOff || !await session.IsUnknownToServerAsync(cancellationToken).ConfigureAwait(false))
                delivery.Unanswered = delivery.Next;
            throw;
        }
    }

    /// <summary>The next try, of any host, looks first, and is to find all that was sent before.</summary>
    private InsightDelivery Unavailable(PartialDelivery delivery, string reason) =>
        InsightDelivery.Unavailable(reason, delivery.Unanswered is null ? TimeSpan.Zero : CallTimeoutsOfWork * options.CallTimeout);

    /// <summary>The first part that is not there: they are sent in order, so all behind it are missing too. <c>null</c> when it is not said.</summary>
    private async Task<int?> FindMissingAsync(ServerSession session, PartialDelivery delivery, CancellationToken cancellationToken)
    {
        var (first, end) = (delivery.Next, delivery.Parts.Count);
        while (first < end)
        {
            var middle = (first + end) / 2;
            var found = await FindAsync(session, delivery.TagOf(middle), cancellationToken).ConfigureAwait(false);
            if (found == true && delivery.MayBeOfParts)
            {
                // The text was longer when it was sent before.
                var ofParts = await FindAsync(session, InsightTags.Parts(delivery.Insight.Id), cancellationToken).ConfigureAwait(false);
                delivery.IsBesideParts = ofParts == true;
                if (delivery.IsBesideParts)
                    continue;
                found = ofParts is null ? null : true;
            }

            if (found is null)
                return null;
            (first, end) = found.Value ? (middle + 1, end) : (first, middle);
        }

        return first;
    }

    private async Task<bool?> FindAsync(ServerSession session, string tag, CancellationToken cancellationToken)
    {
        var arguments = new Dictionary<string, object?> { ["query"] = tag };
        return (await CallAsync(session, session.SearchTool!, arguments, cancellationToken).ConfigureAwait(false)).ToFound();
    }

    private static Dictionary<string, object?> ArgumentsOf(ServerSession session, PartialDelivery delivery)
    {
        var arguments = new Dictionary<string, object?> { ["content"] = delivery.Parts[delivery.Next], ["tags"] = delivery.Tags };

        // Session-Buddy refuses a reflection whose project has other characters; the tag says it in any case.
        if (session.TakesProject && delivery.Insight.Projects.FirstOrDefault(name => ProjectName().IsMatch(name)) is { } project)
            arguments["project"] = project;
        return arguments;
    }

    private Task<ToolAnswer> CallAsync(
        ServerSession session, string tool, Dictionary<string, object?> arguments, CancellationToken cancellationToken) =>
        WithTimeoutAsync(options.CallTimeout, token => session.CallAsync(tool, arguments, token), cancellationToken);

    /// <exception cref="TimeoutException">It took longer.</exception>
    private async Task<T> WithTimeoutAsync<T>(TimeSpan timeout, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            return await work(either.Token).WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException(null, exception);
        }
    }

    [GeneratedRegex(@"\A[a-zA-Z0-9._-]{1,128}\z")]
    private static partial Regex ProjectName();
}
