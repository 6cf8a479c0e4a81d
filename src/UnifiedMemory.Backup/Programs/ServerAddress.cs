using System.Globalization;
using Npgsql;

namespace UnifiedMemory.Backup.Programs;

/// <summary>A database, as Npgsql reaches it and as PostgreSQL's programs do.</summary>
internal sealed class ServerAddress
{
    private readonly NpgsqlConnectionStringBuilder _connection;

    public ServerAddress(string connectionString)
    {
        _connection = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Pooling = false,
            Enlist = false,
            CommandTimeout = 0,
            KeepAlive = 30,
            ApplicationName = "UnifiedMemory.Backup",
            IncludeErrorDetail = false,
        };
        _connection.TargetSessionAttributes = _connection.Host?.Contains(',', StringComparison.Ordinal) == true ? "primary" : null;
    }

    public string ConnectionString => _connection.ConnectionString;

    public string Database => _connection.Database ?? _connection.Username ?? "";

    public string ApplicationName => _connection.ApplicationName!;

    public ServerAddress With(Action<NpgsqlConnectionStringBuilder> change)
    {
        var changed = new ServerAddress(ConnectionString);
        changed._connection.ApplicationName = ApplicationName;
        change(changed._connection);
        return changed;
    }

    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Everything that libpq needs, the password too: on a command line every user of the machine could read it.
    /// </summary>
    /// <param name="options">Settings of the session, for example <c>-c statement_timeout=0</c>.</param>
    public Dictionary<string, string> ToEnvironment(string options = "")
    {
        var environment = new Dictionary<string, string>
        {
            ["PGHOST"] = _connection.Host ?? "localhost",
            ["PGPORT"] = _connection.Port.ToString(CultureInfo.InvariantCulture),
            ["PGDATABASE"] = Database,
            ["PGAPPNAME"] = ApplicationName,
            ["PGCONNECT_TIMEOUT"] = Math.Max(2, _connection.Timeout).ToString(CultureInfo.InvariantCulture),
            ["PGSSLMODE"] = _connection.SslMode switch
            {
                SslMode.VerifyCA => "verify-ca",
                SslMode.VerifyFull => "verify-full",
                var mode => mode.ToString().ToLowerInvariant(),
            },
        };
        Add("PGUSER", _connection.Username);
        Add("PGPASSWORD", _connection.Password);
        Add("PGPASSFILE", _connection.Passfile);
        Add("PGSSLROOTCERT", _connection.RootCertificate);
        Add("PGSSLCERT", _connection.SslCertificate);
        Add("PGSSLKEY", _connection.SslKey);
        Add("PGOPTIONS", options);
        return environment;

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
                environment[name] = value;
        }
    }
}
