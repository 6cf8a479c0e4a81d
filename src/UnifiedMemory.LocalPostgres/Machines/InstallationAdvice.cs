namespace UnifiedMemory.Machines;

/// <summary>What to run on a machine that has no PostgreSQL with pgvector.</summary>
internal static class InstallationAdvice
{
    private const string FromPostgresProject =
        "sudo apt-get install -y postgresql-common && sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && " +
        "sudo apt-get install -y postgresql-17 postgresql-17-pgvector";

    public static string For(Machine machine)
    {
        return $"""
            No local PostgreSQL with pgvector 0.8 or newer was found, and no Docker engine answers. Run one of these and start again:
            {string.Join(Environment.NewLine, Commands(machine.System).Select(command => "  " + command))}
              export {Machine.ConnectionVariable}='Host=...;Username=...;Password=...;Database=...'    (a server of your own)
            """;
    }

    private static IEnumerable<string> Commands(string system)
    {
        var words = system.Split(' ');
        if (words.Contains("macos"))
            yield return "brew install postgresql@17 pgvector";
        else if (words.Contains("bookworm"))
            yield return FromPostgresProject + "    (or ./build.sh test in a clone of UnifiedMemory)";
        else if (words.Contains("trixie"))
            yield return "sudo apt-get install -y postgresql-17 postgresql-17-pgvector";
        else if (words.Contains("debian") || words.Contains("ubuntu"))
            yield return FromPostgresProject;
        else if (words.Contains("fedora") || words.Contains("rhel"))
            yield return "sudo dnf install -y postgresql-server pgvector";
        else if (words.Contains("alpine"))
            yield return "apk add postgresql17 postgresql-pgvector";
        else if (!words.Contains("windows"))
            yield return "install PostgreSQL 15 or newer and pgvector 0.8 or newer from your system's packages";

        yield return "start Docker; the image pgvector/pgvector:pg17 is then used";
    }
}
