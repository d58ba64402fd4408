using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Devices;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Processes;

/// <summary>A `runcvm-init spawn` as seen by who started it: it waits until it is told what to run.</summary>
internal sealed class Spawner : IDisposable
{
    private readonly SafeFileHandle _orders;

    private Spawner(ChildProcess process, SafeFileHandle orders)
    {
        Process = process;
        _orders = orders;
    }

    internal ChildProcess Process { get; }

    /// <summary>Whether it is in the workload's PID namespace, and takes the program's place.</summary>
    internal bool BecomesTheProgram { get; private init; }

    /// <summary>Starts one in the PID namespace of this process's children.</summary>
    internal static Spawner Start(bool becomesTheProgram = false)
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.Pair();
        using (theirs)
        {
            SafeFileHandle nothing = OwnDevices.Null;
            var files = new List<(int, SafeFileHandle)> { (0, nothing), (1, nothing), (2, nothing), (SpawnReport.OrdersFile, theirs) };
            return new Spawner(ChildProcess.Start("/proc/self/exe", ["runcvm-init", "spawn"], [], files, newSession: true), ours) { BecomesTheProgram = becomesTheProgram };
        }
    }

    /// <summary>Starts one as the first process of a new PID namespace.</summary>
    internal static Spawner StartInNewNamespace()
    {
        using SafeFileHandle own = FileDescriptor.Open("/proc/self/ns/pid", OpenFlags.ReadOnly);
        CurrentProcess.Unshare(Namespaces.Pid);
        return StartAndReturn(own);
    }

    /// <summary>Starts one in a PID namespace.</summary>
    internal static Spawner StartIn(SafeFileHandle pids)
    {
        using SafeFileHandle own = FileDescriptor.Open("/proc/self/ns/pid", OpenFlags.ReadOnly);
        CurrentProcess.Enter(pids, Namespaces.Pid);
        return StartAndReturn(own);
    }

    /// <summary>Tells it what to run, with which files. False if it is there no more.</summary>
    /// <param name="launch">what to run</param>
    /// <param name="files">standard input, output, error, where to report, and of an exec the namespaces of mounts and processes</param>
    internal bool TryOrder(LaunchSpec launch, params ReadOnlySpan<SafeFileHandle> files)
    {
        using SafeFileHandle what = FileDescriptor.InMemory("launch", WireBytes.Of(launch));
        return TryOrder(what, files);
    }

    internal bool TryOrder(SafeFileHandle launch, params ReadOnlySpan<SafeFileHandle> files) => TrySend([launch, .. files]);

    /// <summary>Lets one go on that was told to wait just before its program. False if it is there no more.</summary>
    internal bool TryRelease() => TrySend([]);

    private bool TrySend(ReadOnlySpan<SafeFileHandle> files)
    {
        try
        {
            UnixSocket.SendWithFiles(_orders, [0], files);
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            return false;
        }
    }

    public void Dispose() => _orders.Dispose();

    /// <summary>Ends it and takes its status.</summary>
    internal void End()
    {
        Process.Kill(SignalNumber.Kill);
        Process.Wait();
        Process.Dispose();
        Dispose();
    }

    // Only children are affected by a change of the PID namespace, and only those made before the way back.
    private static Spawner StartAndReturn(SafeFileHandle own)
    {
        try
        {
            return Start(becomesTheProgram: true);
        }
        finally
        {
            CurrentProcess.Enter(own, Namespaces.Pid);
        }
    }
}
