using Microsoft.EntityFrameworkCore;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>
/// The model with the indexes for what the library's table serves too: no duplicates, filters, words. Its schema is that of the
/// connection's search path. The HNSW index is not in it: it is built after the load, as on the other sides.
/// </summary>
internal sealed class EfContext(DbContextOptions<EfContext> options) : DbContext(options)
{
    public DbSet<EfMemory> Memories => Set<EfMemory>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.Entity<EfMemory>(memory =>
    {
        memory.ToTable("memories");
        memory.HasKey(row => row.Id);
        memory.Property(row => row.Type).HasConversion(type => TypeNames.NameOf(type), name => TypeNames.Parse(name));
        memory.Property(row => row.Embedding).HasColumnType($"vector({ClusteredVectors.Dimensions})");
        memory.HasIndex(row => new { row.Namespace, row.Type });
        memory.HasIndex(row => new { row.Namespace, row.IdentityHash }).IsUnique();
        memory.HasIndex(row => row.Tags).HasMethod("gin");
        memory.HasIndex(row => row.Metadata).HasMethod("gin");
        memory.HasGeneratedTsVectorColumn(row => row.Words!, "english", row => row.Content).HasIndex(row => row.Words).HasMethod("gin");
    });
}
