using Spectre.Console;
using UnifiedMemory;

namespace Quickstart;

/// <summary>Ollama where it answers and has the model, else the offline provider. Each has vectors of its own, so a schema of its own.</summary>
internal sealed class Embeddings : IDisposable
{
    private Embeddings(IEmbeddingProvider provider, string schemaPrefix)
    {
        Provider = provider;
        SchemaPrefix = schemaPrefix;
    }

    public IEmbeddingProvider Provider { get; }

    public string SchemaPrefix { get; }

    public static async Task<Embeddings> ChooseAsync(CancellationToken cancellationToken)
    {
        var options = new OllamaOptions();
        if (await OllamaEmbeddingProvider.IsAvailableAsync(options, cancellationToken))
        {
            AnsiConsole.MarkupLineInterpolated($"Embedding   Ollama with {options.Model}");
            return new Embeddings(new OllamaEmbeddingProvider(options), "quickstart_nomic_");
        }

        AnsiConsole.MarkupLineInterpolated($"Embedding   offline, by words and not by meaning: no Ollama with {options.Model} answers (install it and run: ollama pull {options.Model})");
        return new Embeddings(new LexicalEmbeddingProvider(), "quickstart_offline_");
    }

    public void Dispose() => (Provider as IDisposable)?.Dispose();
}
