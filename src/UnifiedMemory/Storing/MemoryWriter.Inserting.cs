using UnifiedMemory.Embeddings;
using UnifiedMemory.Insights;

namespace UnifiedMemory.Storing;

internal sealed partial class MemoryWriter
{
    /// <summary>Halves a batch that the database refuses for the data in it, until the memory to blame stands alone.</summary>
    private async Task InsertIsolatingAsync(
        List<WriteUnit> units, Dictionary<string, EmbeddingResult> embeddings, StoredMemory[] results, CancellationToken cancellationToken)
    {
        if (units.Count == 0)
            return;
        try
        {
            await InsertAsync(units, embeddings, results, cancellationToken).ConfigureAwait(false);
            return;
        }
        catch (UnifiedMemoryException exception) when (BlamesData(exception))
        {
            if (units.Count == 1)
            {
                if (units[0].Memory is not null)
                    results[units[0].Index] = Rejected(exception.Message);
                return;
            }
        }

        var half = units.Count / 2;
        await InsertIsolatingAsync([.. units.Take(half)], embeddings, results, cancellationToken).ConfigureAwait(false);
        await InsertIsolatingAsync([.. units.Skip(half)], embeddings, results, cancellationToken).ConfigureAwait(false);
    }

    private async Task InsertAsync(
        List<WriteUnit> units, Dictionary<string, EmbeddingResult> embeddings, StoredMemory[] results, CancellationToken cancellationToken)
    {
        while (units.Count > 0)
        {
            var items = WithVectors(units, embeddings);
            var created = await table.InsertAsync(items, cancellationToken).ConfigureAwait(false);
            var ids = items.Where((_, position) => created[position]).Select(item => item.Memory.Id).ToHashSet();
            var refused = new List<WriteUnit>();
            foreach (var unit in units.Where(unit => unit.Memory is not null))
            {
                if (ids.Contains(unit.Memory!.Id))
                    results[unit.Index] = new StoredMemory(unit.Memory.Id, StoreOutcome.Created);
                else
                    refused.Add(unit);
            }

            units = refused.Count == 0 ? [] : await FindRefusedAsync(refused, results, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What is to be written once more.</summary>
    private async Task<List<WriteUnit>> FindRefusedAsync(
        List<WriteUnit> refused, StoredMemory[] results, CancellationToken cancellationToken)
    {
        var again = new List<WriteUnit>();
        var found = await table.FindAsync([.. refused.Select(unit => unit.Memory!)], cancellationToken).ConfigureAwait(false);
        for (var position = 0; position < refused.Count; position++)
        {
            var unit = refused[position];
            var memory = unit.Memory!;
            if (found[position] is not { } id)
            {
                // Neither inserted nor there: it was deleted or expired in between.
                again.Add(unit);
                continue;
            }

            // The id that is there is our own when an attempt was committed and its answer got lost; its insights came with it. Somebody
            // else's may be without the mark.
            results[unit.Index] = new StoredMemory(id, id == memory.Id ? StoreOutcome.Created : StoreOutcome.AlreadyStored);
            if (id != memory.Id && memory.IsMarked)
                again.Add(new WriteUnit(unit.Index, null, [.. unit.Insights.Select(insight => InsightFinder.Link(insight, id))]));
        }

        return again;
    }

    /// <summary>Class 22, data exception; 23, a constraint; 54, a limit of the server.</summary>
    private static bool BlamesData(UnifiedMemoryException exception) =>
        exception.SqlState is ['2', '2' or '3', ..] or ['5', '4', ..];
}
