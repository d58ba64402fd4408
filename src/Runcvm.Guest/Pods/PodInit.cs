using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Guest.Pods;

/// <summary>`runcvm-init pod`: the first process of the pod's PID namespace, in place of a pause image's. It takes the
/// status of every process that nobody waits for, and ends, with the machine, when it is told to. Containers that share
/// processes may see into it: it has no right, and of the machine's files none.</summary>
internal static class PodInit
{
    internal const string Verb = "pod";

    /// <summary>Turns this process into it. Signals are read from a descriptor, for which they must be blocked before
    /// the runtime starts its threads: hence a new execution, by which the file of the report closes as well.</summary>
    internal static void Become()
    {
        SignalSet.BlockForwarded();
        using SafeFileHandle program = FileDescriptor.Open("/proc/self/exe", OpenFlags.Path);
        using (SafeFileHandle nothing = FileDescriptor.Open(PodGround.Nothing, OpenFlags.ReadWrite))
            FileDescriptor.PlaceAt(nothing, 0);
        EnterNothing();
        CapabilitySet.Empty.LimitBounding();
        CapabilitySet.Apply(CapabilitySet.Empty, CapabilitySet.Empty, CapabilitySet.Empty);
        CurrentProcess.SetNoNewPrivileges();
        CurrentProcess.Execute(program, ["runcvm-init", Verb], []);
    }

    internal static int Run()
    {
        // As one without capabilities it would be open to every root of a container.
        CurrentProcess.ForbidInspection();
        using var loop = new EventLoop();
        using var signals = new AsyncFile(loop, SignalSet.OpenForwarded());
        return loop.Run(() => RunAsync(signals));
    }

    // The runtime looks at its own process in /proc, and at nothing else.
    private static void EnterNothing()
    {
        const string Processes = GuestRoot.Path + "/proc";
        CurrentProcess.Unshare(Namespaces.FileSystemContext | Namespaces.Mount);
        MountPoint.SetPropagation("/", MountFlags.Private | MountFlags.Recursive);
        MountPoint.Add("tmpfs", GuestRoot.Path, "tmpfs", PodGround.Plain, "mode=0755,size=64k");
        Node.MakeDirectory(Processes);
        MountPoint.Add("proc", Processes, "proc", PodGround.Plain | MountFlags.ReadOnly, "subset=pid");
        MountPoint.Remount(GuestRoot.Path, MountFlags.Bind | MountFlags.ReadOnly | PodGround.Plain);
        MountPoint.MoveToRoot(GuestRoot.Path);
    }

    private static async Task<int> RunAsync(AsyncFile signals)
    {
        while (true)
        {
            while (ChildProcess.TryReap() != null)
            {
            }

            await signals.ReadableAsync();
            for (int number; (number = SignalSet.TryTake(signals.Handle)) != 0;)
            {
                if (number is SignalNumber.Terminate or SignalNumber.Interrupt) return 0;
            }
        }
    }
}
