using System.Globalization;
using System.Text.RegularExpressions;

namespace Runcvm.Installation;

/// <summary>containerd's configuration. Our runtime is a block of lines at its end, between two marks; all else is the
/// administrator's, and is kept byte by byte.</summary>
internal static partial class ContainerdConfig
{
    private const string Name = "runcvm";
    private const string First = "# Of runcvm install --containerd, which runcvm uninstall --containerd takes away:";
    private const string Last = "# End of runcvm.";

    /// <summary>The text with our runtime in it, or null where it is in it already.</summary>
    /// <param name="text">null or blank where there is no file yet</param>
    /// <param name="program">path that containerd shall start</param>
    /// <param name="file">for messages</param>
    internal static string? WithRuntime(string? text, string program, string file)
    {
        string rest = Rest(text ?? "", file);
        if (rest.Split('\n').Any(static line => OurName().IsMatch(Uncommented(line))))
            throw new UsageException(
                $"{file} has a runtime {Name} that runcvm install did not write; it was left as it is: "
                + "take that out, or keep it and leave --containerd out");
        bool isNew = string.IsNullOrWhiteSpace(rest);
        string start = isNew ? "version = 2\n" : rest.EndsWith('\n') ? rest : rest + "\n";
        string plugin = isNew ? PluginOf(2, file) : PluginOf(VersionOf(rest), file);
        // containerd before 2 forgets its own runc once a file names any runtime, and runs no pods then.
        bool namesRuntimes = rest.Split('\n').Any(static line => NamesRuntimes(line));
        string changed = $"{start}\n{Block(plugin, program, withRunc: !namesRuntimes)}";
        return changed == text ? null : changed;
    }

    /// <summary>The text without our runtime, or null where it is not in it.</summary>
    internal static string? WithoutRuntime(string? text, string file)
    {
        if (text == null) return null;
        string rest = Rest(text, file);
        return rest == text ? null : rest;
    }

    /// <summary>Whether the runtime that we added is this program.</summary>
    internal static bool Starts(string text, string program)
        => text.IndexOf(First, StringComparison.Ordinal) is >= 0 and var first
            && text.IndexOf(Last, first, StringComparison.Ordinal) is >= 0 and var last
            && text[first..last].Contains(BinaryName(program), StringComparison.Ordinal);

    /// <summary>Whether the part of containerd that a kubelet asks is switched off, as packages of Docker's have
    /// it.</summary>
    internal static bool HasNoPods(string text)
        => TopLines(text).Any(static line => line.StartsWith("disabled_plugins", StringComparison.Ordinal)
            && (line.Contains("\"cri\"", StringComparison.Ordinal) || line.Contains("'cri'", StringComparison.Ordinal)
                || line.Contains(".cri", StringComparison.Ordinal)));

    private static bool NamesRuntimes(string line) => Runtimes().IsMatch(Uncommented(line));

    // Nothing of a name that matters here has a '#' in it.
    private static string Uncommented(string line) => line.Split('#', 2)[0];

    // The runtime as a key, however TOML lets one write it: in the head of a table, dotted, or in an inline table.
    [GeneratedRegex("""(^|[.\[{,\s])["']?runcvm["']?\s*[\].=]""")]
    private static partial Regex OurName();

    [GeneratedRegex("""(^|[.\[{,\s])["']?runtimes["']?\s*[\].=]""")]
    private static partial Regex Runtimes();

    private static string Block(string plugin, string program, bool withRunc)
    {
        string runtimes = $"plugins.\"{plugin}\".containerd.runtimes";
        string table = $"{runtimes}.{Name}";
        string runc = withRunc ? $"[{runtimes}.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n" : "";
        return $"""
            {First}
            {runc}[{table}]
              runtime_type = "io.containerd.runc.v2"
              pod_annotations = ["io.runcvm/*"]
              [{table}.options]
                {BinaryName(program)}
            {Last}

            """;
    }

    private static string BinaryName(string program)
        => $"BinaryName = \"{program.Replace("\\", "\\\\").Replace("\"", "\\\"")}\"";

    // The names of plugins go with the version of the file.
    private static string PluginOf(int version, string file) => version switch
    {
        2 => "io.containerd.grpc.v1.cri",
        3 => "io.containerd.cri.v1.runtime",
        1 => throw new UsageException($"{file} has the format of version 1 (it does not say 'version = 2' or 3), which "
            + "newer versions of containerd do not read; it was left as it is: their 'containerd config migrate' shows "
            + "it in their format"),
        _ => throw new UsageException(
            $"{file} has the format of version {version}, which this version of runcvm does not know; "
            + "it was left as it is"),
    };

    // One is what a file has that does not say.
    private static int VersionOf(string text)
    {
        foreach (string line in TopLines(text))
        {
            string[] parts = line.Split('#', 2)[0].Split('=', 2, StringSplitOptions.TrimEntries);
            if (parts is ["version", var number]
                && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int version))
                return version;
        }

        return 1;
    }

    // Those before the first table.
    private static IEnumerable<string> TopLines(string text)
        => text.Split('\n').Select(static line => line.Trim()).TakeWhile(static line => !line.StartsWith('['));

    private static string Rest(string text, string file)
    {
        int first = text.IndexOf(First, StringComparison.Ordinal);
        if (first < 0) return text;
        int last = text.IndexOf(Last, first, StringComparison.Ordinal);
        if (last < 0)
            throw new UsageException($"{file} has the beginning of what runcvm install wrote, and not its end "
                + $"('{Last}'); it was left as it is: take out what is left of it");
        int after = last + Last.Length;
        if (after < text.Length && text[after] == '\n') after++;
        // With the empty line before it.
        if (first > 0 && text[first - 1] == '\n' && (first == 1 || text[first - 2] == '\n')) first--;
        return text[..first] + text[after..];
    }
}
