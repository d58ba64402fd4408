using System.Diagnostics;
using Runcvm.Linux.Processes;

namespace Runcvm.Kernels;

/// <summary>Programs of the host that are run while something is set up, never while a machine starts.</summary>
internal static class Tool
{
    private static readonly Dictionary<string, string> Packages = new()
    {
        ["apt-cache"] = "apt",
        ["apt-get"] = "apt",
        ["depmod"] = "kmod",
        ["dpkg-deb"] = "dpkg",
        ["gzip"] = "gzip",
        ["lz4"] = "lz4",
        ["make"] = "make",
        ["mkfs.erofs"] = "erofs-utils",
        ["patch"] = "patch",
        ["prlimit"] = "util-linux",
        ["tar"] = "tar",
        ["xz"] = "xz-utils",
        ["zstd"] = "zstd",
    };

    /// <summary>Runs the program to its end and returns what it printed.</summary>
    public static string Run(string name, params IReadOnlyList<string> arguments) => RunIn("", name, arguments);

    /// <summary>As <see cref="Run"/>, for a program that unpacks what may be a stranger's: a small file that unpacks without
    /// end is stopped.</summary>
    public static void RunBounded(string name, params IReadOnlyList<string> arguments)
        => Run("prlimit", ["--fsize=536870912", "--cpu=120", "--as=4294967296", Find(name), .. arguments]);

    /// <summary>As <see cref="Run"/>, started in <paramref name="folder"/>.</summary>
    public static string RunIn(string folder, string name, params IReadOnlyList<string> arguments)
    {
        (int code, string output, string errors) = Execute(folder, name, arguments);
        if (code == 0) return output;
        throw new UsageException($"{name} {Shown(arguments)} failed with exit code {code}: {LastLine(errors)}");
    }

    /// <summary>As <see cref="Run"/>, with null for a program that ran and failed.</summary>
    public static string? TryRun(string name, params IReadOnlyList<string> arguments)
    {
        (int code, string output, _) = Execute("", name, arguments);
        return code == 0 ? output : null;
    }

    private static (int Code, string Output, string Errors) Execute(
        string folder, string name, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(Find(name), arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        // Both pipes must be drained at once, or a program that fills one while we read the other never ends.
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.GetAwaiter().GetResult());
    }

    private static string Find(string name)
    {
        string package = Packages.GetValueOrDefault(name, name);
        return ProgramPath.TryFind(name)
            ?? throw new UsageException($"{name} is needed and not on this machine: install it with 'apt-get install {package}'");
    }

    /// <summary>Some tools get hundreds of files; nobody reads them all in a sentence.</summary>
    private static string Shown(IReadOnlyList<string> arguments)
        => string.Join(' ', arguments.Take(8)) + (arguments.Count > 8 ? " …" : "");

    private static string LastLine(string errors)
    {
        string[] lines = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length == 0 ? "it did not say why" : lines[^1];
    }
}
