using FluentMigrator;

namespace UnifiedMemory.Migrations;

/// <summary>One step of the schema, with the way back. Each runs in a transaction with the row that records its version.</summary>
/// <param name="Version">Ascending, without gaps.</param>
/// <param name="Description">What the step is for.</param>
/// <param name="UpSql">Applies the step.</param>
/// <param name="DownSql">Takes it back.</param>
internal sealed record SchemaStep(long Version, string Description, string UpSql, string DownSql)
{
    public IMigration ToMigration() => new SqlMigration(UpSql, DownSql);

    private sealed class SqlMigration(string up, string down) : Migration
    {
        public override void Up() => Execute.Sql(up);

        public override void Down() => Execute.Sql(down);
    }
}
