using UnifiedMemory.Tests.Faults;
using UnifiedMemory.Tests.Insights;
using UnifiedMemory.Tests.LocalServers;

/// <summary>
/// Makes a child process of this assembly, which needs no program of its own that way. The runtime calls it before Main when
/// DOTNET_STARTUP_HOOKS names the assembly; name and place are its:
/// https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        KilledProcessTests.RunChildAsync().GetAwaiter().GetResult();
        InsightHost.RunChildAsync().GetAwaiter().GetResult();
        if (Environment.GetEnvironmentVariable(ChildServer.StateVariable) is not { Length: > 0 } state)
            return;
        // A program that this one starts is no child server.
        Environment.SetEnvironmentVariable(ChildServer.StateVariable, null);
        ChildServer.RunAsync(state, Environment.GetEnvironmentVariable(ChildServer.DataVariable)).GetAwaiter().GetResult();
        Environment.Exit(0);
    }
}
