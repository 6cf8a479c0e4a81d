using Spectre.Console;

namespace UnifiedMemory.Quality.Reporting;

/// <summary>A console that breaks no row of a table: a narrow terminal does, and a file is taken for a narrow one.</summary>
internal static class WideConsole
{
    private static readonly IAnsiConsole Instance = Create();

    public static void Write(Table table) => Instance.Write(table);

    private static IAnsiConsole Create()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings());
        console.Profile.Width = Math.Max(console.Profile.Width, 240);
        return console;
    }
}
