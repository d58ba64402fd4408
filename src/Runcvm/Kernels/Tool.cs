using System.Diagnostics;
using Runcvm.Building;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Kernels;

/// <summary>Programs of the host that are run while something is set up, never while a machine starts.</summary>
internal static class Tool
{
    // Of a program that reads what may be a stranger's. The largest kernels of distributions take a tenth of either.
    private const int MostSeconds = 120;

    // As shells say that a signal ended a program.
    private const int SignalBase = 128;
    private const long MostMemory = 4L << 30;

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

    /// <summary>As <see cref="Run"/>, for a program that reads what may be a stranger's. It sees programs and libraries
    /// and one folder of the host, has no network and no capability, and is a user whom nobody else is. The kernel ends
    /// it when it writes a file or computes without end, or refuses it more memory; one that sleeps is ended,
    /// too.</summary>
    /// <param name="folder">where it reads and writes</param>
    /// <param name="mostBytes">of each file that it writes</param>
    /// <param name="name">of the program</param>
    /// <param name="arguments">without its name</param>
    public static void RunBounded(string folder, long mostBytes, string name, params IReadOnlyList<string> arguments)
    {
        string[] limits = [$"--fsize={mostBytes}", $"--cpu={MostSeconds}:{MostSeconds + 1}", $"--as={MostMemory}"];
        string[] bounded = [.. limits, Find(name), .. arguments];
        (int code, string errors) = ExecuteIn(folder, RealPath.Of(Find("prlimit"))!, bounded);
        if (code != 0) throw Failed(name, arguments, code, Bound(code, errors, mostBytes) ?? errors);
    }

    /// <summary>As <see cref="Run"/>, started in <paramref name="folder"/>.</summary>
    public static string RunIn(string folder, string name, params IReadOnlyList<string> arguments)
    {
        (int code, string output, string errors) = Execute(folder, name, arguments);
        if (code == 0) return output;
        throw Failed(name, arguments, code, errors);
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

    // What became of a program that goes beyond a limit (setrlimit(2)). As the first process of a PID namespace it gets
    // the error instead of SIGXFSZ, and of SIGXCPU nothing but the SIGKILL that comes a second later.
    private static string? Bound(int code, string errors, long mostBytes)
    {
        if (code == SignalBase + SignalNumber.FileSize || errors.Contains("File too large", StringComparison.Ordinal))
            return $"it writes more than {mostBytes >> 20} MiB";
        return code == SignalBase + SignalNumber.Kill
            ? $"it was killed: it computed for more than {MostSeconds} s, or took more memory than it may" : null;
    }

    private static (int Code, string Errors) ExecuteIn(string folder, string program, string[] arguments)
    {
        if (!CurrentProcess.IsRoot)
        {
            // Who is not root has nothing to give up, and may not leave the network.
            (int code, _, string said) = Execute("", program, arguments);
            return (code, said);
        }

        uint user = HypervisorUsers.Take(folder, HostConfig.Load().HypervisorUsers);
        BuilderIdentity.EndAllOf(user);
        BuiltFolder.Give(folder, user);
        using var room = new BuilderRoom(program, user, CapabilitySet.Empty, [(folder, true)]);
        BuilderEnd end = room.Run(program, ["prlimit", .. arguments], TimeSpan.FromSeconds(2 * MostSeconds));
        if (end.Late != null) return (SignalBase, "it " + end.Late);
        BuiltFolder.TakeBack(folder, user);
        return (end.Status.ShellCode, end.Errors);
    }

    private static UsageException Failed(string name, IReadOnlyList<string> arguments, int code, string errors)
        => new($"{name} {Shown(arguments)} failed with exit code {code}: {LastLine(errors)}");

    private static string Find(string name)
    {
        if (name.StartsWith('/')) return name;
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
