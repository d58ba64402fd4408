using System.Text;

namespace Runcvm.SystemTests.Jail;

/// <summary>What was tried, what had to happen, and what did.</summary>
internal sealed class JailTable
{
    /// <summary>Rows that do not hold yet: see tests/jail/README.md.</summary>
    private static readonly HashSet<string> Gaps = ReadGaps();

    private readonly StringBuilder _rows = new();
    private readonly List<string> _failures = [];

    internal void Note(string what, string must, string now, bool holds)
    {
        string row = $"{(holds ? "holds" : "FAILS")} | {what} | {must} | {now.ReplaceLineEndings(" ")}";
        // Machines are tried several at once.
        lock (_failures)
        {
            _rows.AppendLine(row);
            if (!holds && !Gaps.Contains(what)) _failures.Add(row);
        }
    }

    /// <summary>Writes the table to artifacts/jail, and fails where a row does.</summary>
    internal void Finish(string kind)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(_rows.ToString());
        string folder = Path.Combine(Repository.Root, "artifacts/jail");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, $"{DockerEngine.Hypervisor} {kind}.txt"), _rows.ToString());
        Assert.True(_failures.Count == 0, $"{kind}: {_failures.Count} rows\n{string.Join('\n', _failures)}");
    }

    private static HashSet<string> ReadGaps()
    {
        if (Environment.GetEnvironmentVariable("RUNCVM_TEST_JAIL_GAPS") == "0") return [];
        return [.. In("gaps.txt"), .. DockerEngine.Hypervisor == "firecracker" ? In("gaps-double.txt") : []];

        static IEnumerable<string> In(string file)
            => File.ReadAllLines(Path.Combine(Repository.Root, "tests/jail", file))
                .Where(static line => line.Length > 0 && line[0] != '#');
    }
}
