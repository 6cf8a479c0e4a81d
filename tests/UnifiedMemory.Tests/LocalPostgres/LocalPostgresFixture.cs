using Npgsql;
using UnifiedMemory.Machines;
using UnifiedMemory.TestSupport;

// Not ...Tests.LocalPostgres: within it the class of that name could not be named.
namespace UnifiedMemory.Tests.LocalServers;

/// <summary>Servers whose clusters are kept in a directory of the test's own.</summary>
public abstract class LocalPostgresFixture
{
    private protected Machine Machine { get; private set; } = null!;

    protected string ThrowAwayDirectory => Path.Combine(Machine.StateDirectory, "throw-away");

    /// <summary>A directory that the user whom PostgreSQL runs as can reach.</summary>
    protected string Directory { get; private set; } = null!;

    [SetUp]
    public void MakeDirectory()
    {
        if (PostgresCluster.UnsupportedReason is { } reason)
            Assert.Ignore(reason);
        Directory = System.IO.Directory.CreateTempSubdirectory("unified-memory-test-").FullName;
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Directory, (UnixFileMode)0b111_101_101);
        Machine = Machine.Current() with
        {
            ExistingConnection = null,
            MayUseContainers = false,
            StateDirectory = Path.Combine(Directory, "state"),
        };
    }

    [TearDown]
    public void DeleteDirectory()
    {
        if (System.IO.Directory.Exists(Directory))
            System.IO.Directory.Delete(Directory, recursive: true);
    }

    protected Task<LocalPostgres> StartAsync(LocalPostgresOptions options, CancellationToken cancellationToken = default) =>
        LocalPostgres.StartAsync(options, Machine, cancellationToken);

    protected Task<LocalPostgres> StartAsync(string dataDirectory) => StartAsync(new LocalPostgresOptions { DataDirectory = dataDirectory });

    protected static async Task<T> AskAsync<T>(string connectionString, string sql)
    {
        // Without a pool: a connection kept from a server that is gone must not answer for its successor.
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    protected static async Task<bool> AnswersAsync(string connectionString)
    {
        try
        {
            return await AskAsync<int>(connectionString, "SELECT 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>The commands of all processes that run.</summary>
    protected static IEnumerable<string> CommandLines()
    {
        foreach (var process in System.IO.Directory.GetDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            string line;
            try
            {
                line = File.ReadAllText(Path.Combine(process, "cmdline"));
            }
            catch (IOException)
            {
                continue; // it ended meanwhile
            }

            yield return line.Replace('\0', ' ');
        }
    }
}
