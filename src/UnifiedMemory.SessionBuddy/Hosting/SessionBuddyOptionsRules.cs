using Microsoft.Extensions.Options;

namespace UnifiedMemory.SessionBuddy.Hosting;

/// <summary>Checks the options, all of them, so that one start shows every mistake.</summary>
internal sealed class SessionBuddyOptionsRules : IValidateOptions<SessionBuddyOptions>
{
    public ValidateOptionsResult Validate(string? name, SessionBuddyOptions options)
    {
        var mistakes = options.Validate().ToList();
        return mistakes.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(mistakes);
    }
}
