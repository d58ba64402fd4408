using Microsoft.Win32.SafeHandles;
using Runcvm.Building;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Images;

/// <summary>A program of the host that makes file systems.</summary>
internal static class Tool
{
    /// <summary>What a file system tool gets to see. Nothing is inherited: SOURCE_DATE_EPOCH would change the times in
    /// images, and messages are read, so they must be the untranslated ones.</summary>
    internal static readonly string[] Environment = [$"PATH={ProgramPath.SystemFolders}", "LC_ALL=C"];

    /// <summary>The program's file.</summary>
    /// <exception cref="UsageException">it is not installed</exception>
    internal static string Find(string name, string package)
        => ProgramPath.TryFind(name) ?? throw new UsageException($"{name} is not installed: run 'apt-get install {package}'");

    /// <summary>Runs a program to its end that reads nothing of a stranger's.</summary>
    /// <returns>null on success, else the last line it wrote to stderr</returns>
    internal static string? Run(string path, IReadOnlyList<string> arguments)
        => Run(path, arguments, TimeSpan.MaxValue, group: null, static () => { });

    /// <summary>Runs a program to its end.</summary>
    /// <param name="path">the program's file</param>
    /// <param name="arguments">argv, its first the program's name</param>
    /// <param name="most">how long it may take, asleep or not</param>
    /// <param name="group">in which it runs; null: with its starter</param>
    /// <param name="endOthers">ends what it left behind</param>
    /// <returns>null on success, else the last line it wrote to stderr, or what took too long</returns>
    internal static string? Run(
        string path, IReadOnlyList<string> arguments, TimeSpan most, BuilderGroup? group, Action endOthers)
    {
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        using SafeFileHandle stderr = read;
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        ChildProcess Begin() => Start(path, arguments, nothing, write);
        using ChildProcess child = group == null ? Begin() : group.Start(Begin);
        return FailureIn(BuilderEnd.Await(child, stderr, most, endOthers), Path.GetFileName(arguments[0]));
    }

    /// <summary>null for success, else the last line that the program wrote to stderr, or what ended it.</summary>
    internal static string? FailureIn(BuilderEnd builder, string name)
    {
        if (builder.Late != null) return $"{name} {builder.Late}";
        ExitStatus end = builder.Status;
        if (end is { Code: 0, Signal: 0 }) return null;
        // The first process of a PID namespace gets the error in place of the signal.
        if (end.Signal == SignalNumber.FileSize || builder.Errors.Contains("File too large", StringComparison.Ordinal))
            return $"{name} wrote more than it may";
        if (end.Signal == SignalNumber.ProcessorTime) return $"{name} took more time than it may";
        if (end.Signal == SignalNumber.Kill)
            return $"{name} was killed: it took more time or memory than it may, or the host's memory did not suffice";
        if (end.Signal != 0) return $"{name} was killed by signal {end.Signal}";
        const StringSplitOptions Lines = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
        return builder.Errors.Split('\n', Lines).LastOrDefault() ?? $"{name} ended with code {end.Code}";
    }

    /// <summary>What to tell the user of a failure to make something.</summary>
    /// <param name="what">as the beginning of a sentence</param>
    /// <param name="folder">where it was to be</param>
    /// <param name="reason">the last words of the program, or of the kernel</param>
    internal static UsageException Failure(string what, string folder, string reason)
        => reason.Contains("No space left on device", StringComparison.Ordinal)
            ? new UsageException($"no space left in {folder}: {what} could not be made ({reason}): free some, or run 'runcvm images prune'")
            : new UsageException($"{what} could not be made: {reason}");

    private static ChildProcess Start(
        string path, IReadOnlyList<string> arguments, SafeFileHandle nothing, SafeFileHandle stderr)
    {
        // Our copy of the writing end must be closed, or the end of the output would never be seen.
        using (stderr) return ChildProcess.Start(path, arguments, Environment, [(0, nothing), (1, nothing), (2, stderr)]);
    }
}
