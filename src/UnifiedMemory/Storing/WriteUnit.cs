using UnifiedMemory.Input;

namespace UnifiedMemory.Storing;

/// <summary>What is written together or not at all: a memory and the insights in it.</summary>
/// <param name="Index">The place of the memory in the batch.</param>
/// <param name="Memory">The memory; null when it is there already and only an insight is to be written.</param>
/// <param name="Insights">Those that are not there yet.</param>
internal sealed record WriteUnit(int Index, PreparedMemory? Memory, IReadOnlyList<PreparedMemory> Insights)
{
    public IEnumerable<PreparedMemory> All => Memory is null ? Insights : Insights.Prepend(Memory);
}
