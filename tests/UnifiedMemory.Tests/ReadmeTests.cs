namespace UnifiedMemory.Tests;

public sealed class ReadmeTests
{
    [Test]
    public async Task The_first_snippet_is_the_sample_that_is_built_and_run()
    {
        var root = RepositoryRoot();
        var readme = await File.ReadAllTextAsync(Path.Combine(root, "README.md"));
        var sample = await File.ReadAllTextAsync(Path.Combine(root, "samples", "FirstSteps", "Program.cs"));

        Assert.That(readme, Does.Contain("```csharp\n" + sample.TrimEnd() + "\n```"));
    }

    private static string RepositoryRoot()
    {
        // Not the path of this source file: a deterministic build replaces it.
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Memory.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("There is no Memory.sln above the tests.");
        return folder.FullName;
    }
}
