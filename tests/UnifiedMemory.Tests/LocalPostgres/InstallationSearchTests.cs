using UnifiedMemory.Installations;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class InstallationSearchTests : LocalPostgresFixture
{
    [Test]
    public async Task The_newest_PostgreSQL_with_pgvector_comes_first()
    {
        string[] directories = [Install("9.6"), Install("17.2"), Install("18beta1"), Install("15.18")];

        var found = await InstallationSearch.FindAsync(directories, CancellationToken.None);

        Assert.That(found.Select(one => $"{one.Version}"), Is.EqualTo(new[] { "18.0", "17.2", "15.18", "9.6" }));
        Assert.That(found[1].BinDirectory, Is.EqualTo(directories[1]));
        Assert.That(found[1].PgvectorVersion, Is.EqualTo("0.8.1"));
    }

    [Test]
    public async Task One_without_pgvector_or_without_a_server_is_none()
    {
        string[] directories = [Install("17.2", pgvector: null), Directory, Path.Combine(Directory, "nowhere")];

        Assert.That(await InstallationSearch.FindAsync(directories, CancellationToken.None), Is.Empty);
    }

    [Test]
    public async Task One_whose_pgvector_is_too_old_for_a_store_is_none()
    {
        string[] directories = [Install("18.0", pgvector: "0.6.0"), Install("17.2", pgvector: "0.7.4"), Install("16.1", pgvector: "0.8.0"), Install("15.3", pgvector: "0.10.0")];

        var found = await InstallationSearch.FindAsync(directories, CancellationToken.None);

        Assert.That(found.Select(one => one.PgvectorVersion), Is.EqualTo(new[] { "0.8.0", "0.10.0" }));
    }

    [Test]
    public async Task Pgvector_is_found_without_pg_config()
    {
        var found = await InstallationSearch.FindAsync([Install("17.2", pgConfig: false)], CancellationToken.None);

        Assert.That(found, Has.Count.EqualTo(1));
    }

    private string Install(string version, string? pgvector = "0.8.1", bool pgConfig = true)
    {
        var root = Path.Combine(Directory, version);
        var bin = Path.Combine(root, "bin");
        var extensions = Path.Combine(root, "share", "extension");
        System.IO.Directory.CreateDirectory(bin);
        System.IO.Directory.CreateDirectory(extensions);
        Write("initdb", "exit 1");
        Write("pg_ctl", "exit 1");
        Write("postgres", $"echo 'postgres (PostgreSQL) {version} (Debian {version}-1)'");
        if (pgConfig)
            Write("pg_config", $"echo '{root}/share'");
        if (pgvector is not null)
            File.WriteAllText(Path.Combine(extensions, "vector.control"), $"comment = 'x'\ndefault_version = '{pgvector}'\n");
        return bin;

        void Write(string program, string script)
        {
            var path = Path.Combine(bin, program);
            File.WriteAllText(path, "#!/bin/sh\n" + script + "\n");
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        }
    }
}
