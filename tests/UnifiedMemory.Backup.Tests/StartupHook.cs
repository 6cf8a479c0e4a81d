using UnifiedMemory.Backup.Tests;

/// <summary>
/// Makes a child process of this assembly, which needs no program of its own that way. The runtime calls it before Main when
/// DOTNET_STARTUP_HOOKS names the assembly; name and place are its:
/// https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md
/// </summary>
internal static class StartupHook
{
    public static void Initialize() => InterruptedBackupTests.RunChildAsync().GetAwaiter().GetResult();
}
