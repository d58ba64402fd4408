using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;

namespace Runcvm.Cli;

/// <summary>`runcvm pause`: the low-level runtime's, tried again for a while where a machine cannot be frozen at that moment. The kernel
/// freezes no thread that waits for a disk, as a hypervisor's do whenever their guest writes; runc gives up after some milliseconds. Nor does
/// it freeze those of its own threads that work for a machine.</summary>
internal static class PauseVerb
{
    private const int StandardError = 2;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // runc's words with cgroup v1 and v2 (libcontainer/cgroups/fs/freezer.go, fs2/freezer.go).
    private static readonly string[] NotNow = ["unable to freeze", "waiting for the cgroup to freeze"];

    internal static int Run(CommandLine command, HostConfig config)
    {
        if (command.ContainerId() is { } container && PodChange.Of(command, config, container) is { } change)
        {
            change.Move(Motion.Stand);
            int code = LowLevelRuntime.Run(config.LowLevelRuntime, command.Arguments).ShellCode;
            if (code != 0) change.Move(Motion.Go);
            return code;
        }

        if (command.ContainerId() is { } id && OwnMachine.Find(command, config, id) != null)
            return Pause(command, config, id);

        LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
        return 1;
    }

    /// <summary>Pauses a machine.</summary>
    /// <returns>the low-level runtime's exit code</returns>
    internal static int Pause(CommandLine command, HostConfig config, string id)
    {
        int? process = ContainerState.TryReadProcess(config.LowLevelRuntime, command, id);
        FreezerGroup? group = process is { } first ? FreezerGroup.TryOf(first) : null;
        return Pause(config.LowLevelRuntime, command.With("pause", id), Patience, group);
    }

    /// <summary>Runs the low-level runtime until it succeeds, fails for another reason, or the time is over.</summary>
    /// <returns>its last exit code</returns>
    internal static int Pause(string? lowLevelRuntime, IReadOnlyList<string> arguments, TimeSpan patience, FreezerGroup? group)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            group?.ReleaseKernelThreads();
            using SafeFileHandle words = FileDescriptor.InMemory("stderr", []);
            ExitStatus end = LowLevelRuntime.Run(lowLevelRuntime, arguments, words);
            FileDescriptor.Rewind(words);
            byte[] said = FileDescriptor.ReadToEnd(words);
            bool isNotNow = end.ShellCode != 0 && IsNotNow(said);
            // The next try begins anew; its own start is all the pause there is between them.
            if (isNotNow && Stopwatch.GetElapsedTime(began) < patience) continue;
            // With cgroup v2 runc leaves what it could not freeze half frozen: it would answer nobody, and not even die.
            if (isNotNow) group?.TryThaw();
            using var error = new SafeFileHandle(StandardError, false);
            FileDescriptor.WriteAll(error, said);
            return end.ShellCode;
        }
    }

    private static bool IsNotNow(byte[] said)
    {
        string text = Encoding.UTF8.GetString(said);
        return NotNow.Any(words => text.Contains(words, StringComparison.Ordinal));
    }
}
