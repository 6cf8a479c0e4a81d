using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>A claim on the first insights of one namespace for one sink.</summary>
/// <param name="Id">Made by the host that claims, so that an attempt that is repeated finds its own.</param>
/// <param name="Sink">The name of the sink.</param>
/// <param name="Namespace">The namespace.</param>
/// <param name="Duration">For how long, by the server's clock.</param>
internal sealed record Lease(Guid Id, string Sink, string Namespace, TimeSpan Duration)
{
    public SqlParameters Parameters() => new SqlParameters()
        .Add("lease", NpgsqlDbType.Uuid, Id)
        .Add("sink", NpgsqlDbType.Text, Sink)
        .Add("namespace", NpgsqlDbType.Text, Namespace);
}
