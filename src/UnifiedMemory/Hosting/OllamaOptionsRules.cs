using Microsoft.Extensions.Options;

namespace UnifiedMemory.Hosting;

/// <summary>Checks the options of Ollama when they are first read.</summary>
internal sealed class OllamaOptionsRules : IValidateOptions<OllamaOptions>
{
    public ValidateOptionsResult Validate(string? name, OllamaOptions options)
    {
        var mistakes = options.Validate().ToList();
        return mistakes.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(mistakes);
    }
}
