using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using UnifiedMemory;

namespace Quickstart;

/// <summary>The files of a repository, cut into pieces that fit a model's context.</summary>
internal static class SourceFiles
{
    private const int MaxPieceCharacters = 1500;

    private static readonly Dictionary<string, (MemoryType Type, string Language)> Kinds = new(StringComparer.OrdinalIgnoreCase)
    {
        [".cs"] = (MemoryType.Project, "csharp"),
        [".csproj"] = (MemoryType.Project, "msbuild"),
        [".props"] = (MemoryType.Project, "msbuild"),
        [".py"] = (MemoryType.Project, "python"),
        [".ts"] = (MemoryType.Project, "typescript"),
        [".md"] = (MemoryType.Rag, "markdown"),
        [".txt"] = (MemoryType.Rag, "text"),
        [".sh"] = (MemoryType.Workflow, "shell"),
        [".yml"] = (MemoryType.Workflow, "yaml"),
    };

    /// <summary>Not sources; and this sample, which quotes the questions and would be the answer to all of them.</summary>
    private static readonly HashSet<string> SkippedFolders = [".git", "bin", "obj", "artifacts", "node_modules", "TestResults", "Quickstart"];

    public static DirectoryInfo FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Memory.sln")))
                return folder;
        }

        throw new InvalidOperationException("No Memory.sln above the program. Name the folder to read: ./build.sh quickstart FOLDER");
    }

    /// <summary>A namespace for each folder, so that two repositories do not mix.</summary>
    public static string NamespaceOf(DirectoryInfo folder) =>
        "repository:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder.FullName)))[..16];

    public static IEnumerable<NewMemory> ReadMemories(DirectoryInfo root)
    {
        foreach (var file in FilesIn(root).OrderBy(file => file.FullName, StringComparer.Ordinal))
        {
            var (type, language) = Kinds[file.Extension];
            var path = Path.GetRelativePath(root.FullName, file.FullName);

            // What is run to check the work belongs to a workflow, whatever it is written in.
            if (path.StartsWith("tests", StringComparison.Ordinal) || path.StartsWith("benchmarks", StringComparison.Ordinal))
                type = MemoryType.Workflow;
            foreach (var (line, text) in Pieces(File.ReadLines(file.FullName)))
            {
                yield return new NewMemory($"{path}\n{text}", type)
                {
                    Namespace = NamespaceOf(root),
                    Kind = "file",
                    SourceSystem = "repository",
                    Tags = [language],
                    Metadata = new JsonObject { ["path"] = path, ["line"] = line, ["language"] = language, ["modified"] = file.LastWriteTimeUtc.ToString("O") },
                };
            }
        }
    }

    /// <summary>The first lines after the path, on one line.</summary>
    public static string Excerpt(string content)
    {
        var text = string.Join(' ', content.Split('\n').Skip(1).Select(line => line.Trim()).Where(line => line.Length > 0));
        return text.Length <= 110 ? text : text[..109] + "…";
    }

    private static IEnumerable<FileInfo> FilesIn(DirectoryInfo folder)
    {
        foreach (var file in folder.EnumerateFiles())
        {
            if (Kinds.ContainsKey(file.Extension))
                yield return file;
        }

        foreach (var child in folder.EnumerateDirectories().Where(child => !SkippedFolders.Contains(child.Name)))
        {
            foreach (var file in FilesIn(child))
                yield return file;
        }
    }

    /// <summary>Cuts at blank lines where that leaves pieces of a useful size, and never within a line.</summary>
    private static IEnumerable<(int Line, string Text)> Pieces(IEnumerable<string> lines)
    {
        var piece = new StringBuilder();
        var number = 0;
        var start = 1;
        foreach (var line in lines)
        {
            number++;
            var full = piece.Length + line.Length > MaxPieceCharacters;
            var paragraph = piece.Length > MaxPieceCharacters / 2 && string.IsNullOrWhiteSpace(line);
            if ((full || paragraph) && piece.Length > 0)
            {
                yield return (start, piece.ToString());
                piece.Clear();
                start = number;
            }

            if (piece.Length > 0 || !string.IsNullOrWhiteSpace(line))
                piece.Append(line).Append('\n');
            else
                start = number + 1;
        }

        if (piece.Length > 0)
            yield return (start, piece.ToString());
    }
}
