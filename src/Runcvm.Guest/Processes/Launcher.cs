using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Boot;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Processes;

/// <summary>Starts processes through `runcvm-init spawn`: after fork no managed code may run, so the steps between fork
/// and exec are those of a program of its own.</summary>
internal sealed class Launcher(EventLoop loop, GuestRoot root, Setup setup)
{
    private readonly SafeFileHandle _ownPids = FileDescriptor.Open("/proc/self/ns/pid", OpenFlags.ReadOnly);
    private readonly SystemdReadiness _systemd = new(loop);
    private SafeFileHandle? _workloadPids;
    private SafeFileHandle? _workloadMounts;

    /// <summary>Starts the process and attaches its streams. Null when its program runs.</summary>
    internal async Task<StartFailed?> StartAsync(GuestProcess process, ProcessSpec spec)
    {
        bool isWorkload = process.Id == Start.Workload;
        if (!isWorkload && (_workloadMounts == null || _workloadPids == null)) return new StartFailed(process.Id, 125, "the container's own process is not running");
        if (!isWorkload && setup.Systemd) await _systemd.WaitAsync();
        (SafeFileHandle report, SafeFileHandle reportEnd) = FileDescriptor.Pipe();
        FileDescriptor.SetNonBlocking(report);
        using var reportFile = new AsyncFile(loop, report);
        using (reportEnd)
        {
            if (spec.Terminal || (isWorkload && setup.Systemd)) StartWithTerminal(process, spec, isWorkload, reportEnd);
            else StartWithPipes(process, spec, isWorkload, reportEnd);
        }

        byte[] message = new byte[4096];
        int length = 0;
        for (int n; length < message.Length && (n = await reportFile.ReadAsync(message.AsMemory(length))) > 0;) length += n;
        if (length > 0)
        {
            await process.WaitAsync();
            return new StartFailed(process.Id, message[0], Encoding.UTF8.GetString(message, 1, length - 1));
        }

        if (isWorkload)
        {
            _workloadPids = TryOpenNamespace(process, "pid");
            _workloadMounts = TryOpenNamespace(process, "mnt");
        }

        return null;
    }

    private static SafeFileHandle? TryOpenNamespace(GuestProcess process, string name)
    {
        try
        {
            return FileDescriptor.TryOpen($"/proc/{process.ProcessId}/ns/{name}", OpenFlags.ReadOnly);
        }
        catch (LinuxException)
        {
            // It has ended already: whoever wants to join it is told that it is not running.
            return null;
        }
    }

    private void StartWithPipes(GuestProcess process, ProcessSpec spec, bool isWorkload, SafeFileHandle report)
    {
        (SafeFileHandle inRead, SafeFileHandle inWrite) = FileDescriptor.Pipe();
        (SafeFileHandle outRead, SafeFileHandle outWrite) = FileDescriptor.Pipe();
        (SafeFileHandle errRead, SafeFileHandle errWrite) = FileDescriptor.Pipe();
        using (inRead)
        using (outWrite)
        using (errWrite)
        {
            using SafeFileHandle? nothing = spec.HasInput ? null : FileDescriptor.Open("/dev/null", OpenFlags.ReadOnly);
            process.Attach(Spawn(spec, isWorkload, report, nothing ?? inRead, outWrite, errWrite), inWrite, outRead, errRead);
        }
    }

    private void StartWithTerminal(GuestProcess process, ProcessSpec spec, bool isWorkload, SafeFileHandle report)
    {
        (SafeFileHandle master, SafeFileHandle slave) = PseudoTerminal.Open($"{GuestRoot.Path}/dev/pts/ptmx");
        using (slave)
        {
            if (spec.Terminal && spec.Rows > 0) PseudoTerminal.SetSize(master, spec.Rows, spec.Columns);
            // A console that ends in `docker logs` keeps its line ends as the program wrote them.
            if (!spec.Terminal) PseudoTerminal.KeepLineEnds(slave);
            if (isWorkload)
            {
                using SafeFileHandle console = root.FileAt("/dev/console");
                MountPoint.Bind(FileDescriptor.PathOf(slave), FileDescriptor.PathOf(console));
                process.Hold(FileDescriptor.Duplicate(slave));
            }

            process.AttachTerminal(Spawn(spec, isWorkload, report, slave, slave, slave), master, takesInput: spec.Terminal);
        }
    }

    private ChildProcess Spawn(
        ProcessSpec spec, bool isWorkload, SafeFileHandle report, SafeFileHandle input, SafeFileHandle output, SafeFileHandle error)
    {
        var writer = new WireWriter();
        new LaunchSpec(isWorkload ? MountAction.Make : MountAction.Enter, isWorkload && setup.ReadOnlyRoot, isWorkload && setup.Init, spec).Write(writer);
        using SafeFileHandle launch = FileDescriptor.InMemory("launch", writer.Written);
        var files = new List<(int, SafeFileHandle)>
        {
            (0, input), (1, output), (2, error), (SpawnedProcess.LaunchFile, launch), (SpawnedProcess.ReportFile, report),
        };
        if (!isWorkload) files.Add((SpawnedProcess.MountsFile, _workloadMounts!));
        // Only children are affected by these two, and only those made before the way back.
        if (isWorkload) CurrentProcess.Unshare(Namespaces.Pid);
        else CurrentProcess.Enter(_workloadPids!, Namespaces.Pid);
        try
        {
            return ChildProcess.Start("/proc/self/exe", ["runcvm-init", "spawn"], [], files, newSession: true);
        }
        finally
        {
            CurrentProcess.Enter(_ownPids, Namespaces.Pid);
        }
    }
}
