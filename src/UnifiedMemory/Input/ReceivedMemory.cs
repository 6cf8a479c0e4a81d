namespace UnifiedMemory.Input;

/// <summary>A memory as the caller gave it, not checked yet, with its place in the order of storing.</summary>
/// <param name="Memory">What the caller gave.</param>
/// <param name="Id">Made here, so that a write whose outcome is unknown can be repeated; larger than that of the memory before.</param>
/// <param name="At">When it came.</param>
internal readonly record struct ReceivedMemory(NewMemory Memory, Guid Id, DateTimeOffset At)
{
    public static ReceivedMemory Receive(NewMemory memory, TimeProvider time)
    {
        var now = time.GetUtcNow();
        return new ReceivedMemory(memory, MemoryIds.Shared.Next(now), now);
    }
}
