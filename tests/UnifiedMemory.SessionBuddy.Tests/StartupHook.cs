using UnifiedMemory.Tests.SessionBuddy;

/// <summary>
/// Makes a child process of this assembly. The runtime calls it before Main when DOTNET_STARTUP_HOOKS names the assembly:
/// https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md
/// </summary>
internal static class StartupHook
{
    public static void Initialize() => FileHolder.HoldIfAsked();
}
