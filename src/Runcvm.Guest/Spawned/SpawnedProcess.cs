using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Guest.Pods;
using Runcvm.Guest.Processes;
using Runcvm.Guest.Root;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Spawned;

/// <summary>`runcvm-init spawn`: waits for its orders, then turns itself into the process that was asked for, or, where it
/// is not in the workload's PID namespace itself, starts it there and ends.</summary>
internal static class SpawnedProcess
{
    // The order of the files that come with the orders.
    private const int Launch = 0;
    private const int Streams = 1;
    private const int ReportTo = 4;
    private const int Mounts = 5;
    private const int Pids = 6;
    private const int Cgroups = 7;

    internal static int Run()
    {
        using SafeFileHandle orders = FileDescriptor.Inherited(SpawnReport.OrdersFile);
        var files = new List<SafeFileHandle>();
        TryReceive(orders, files);
        // Who would have given them has ended.
        if (files.Count == 0) return 0;
        using SafeFileHandle report = files[ReportTo];
        try
        {
            for (int number = 0; number < 3; number++)
            {
                FileDescriptor.PlaceAt(files[Streams + number], number);
                files[Streams + number].Dispose();
            }

            LaunchSpec launch = ReadSpec(files[Launch]);
            // By the /proc of this process's own PID namespace, before another one takes its place.
            if (launch.Process.OomScoreAdjust != 0) CurrentProcess.SetOomScore(launch.Process.OomScoreAdjust);
            if (launch.IsPodInit) PodInit.Become();
            if (launch.AsChild) CurrentProcess.Enter(files[Pids], Namespaces.Pid);
            EnterMounts(launch, files);
            if (launch.Reap) ReapingInit.Become(launch.Process, report);
            Execute(launch, orders, report);
        }
        catch (StartException e)
        {
            Report(report, e.Code, e.Message);
        }
        catch (Exception e) when (
            e is LinuxException or IOException or InvalidDataException or WireFormatException
                or UnauthorizedAccessException)
        {
            Report(report, 126, $"unable to start container process: {e.Message}");
        }

        return 0;
    }

    // False if whoever gives the orders has ended, or wants nothing any more.
    private static bool TryReceive(SafeFileHandle orders, List<SafeFileHandle> files)
        => UnixSocket.TryReceiveWithFiles(orders, stackalloc byte[1], files) > 0;

    private static LaunchSpec ReadSpec(SafeFileHandle file)
    {
        using (file) return WireBytes.Read<LaunchSpec>(FileDescriptor.ReadToEnd(file));
    }

    private static void EnterMounts(LaunchSpec launch, List<SafeFileHandle> files)
    {
        if (launch.Mounts == MountAction.Keep) return;
        if (launch.Mounts == MountAction.Enter)
        {
            // setns(2) refuses a thread that shares its working directory with others; .NET has other threads.
            CurrentProcess.Unshare(Namespaces.FileSystemContext);
            CurrentProcess.Enter(files[Mounts], Namespaces.Mount);
            if (files.Count > Cgroups) CurrentProcess.Enter(files[Cgroups], Namespaces.Cgroup);
            return;
        }

        if (launch.Container != null)
        {
            ContainerRoot.Enter(launch.ContainerNumber, launch.Container);
            return;
        }

        CurrentProcess.Unshare(Namespaces.FileSystemContext | Namespaces.Mount);
        MountPoint.SetPropagation("/", MountFlags.Private | MountFlags.Recursive);
        // Mounted here and not by the boot process: a proc file system shows the PID namespace of whoever mounts it.
        MountPoint.Add("proc", $"{GuestRoot.Path}/proc", "proc", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec);
        CommandLineFile.Cover($"{GuestRoot.Path}/proc");
        if (launch.ReadOnlyRoot) MountPoint.Remount(GuestRoot.Path, MountFlags.Bind | MountFlags.ReadOnly);
        MountPoint.MoveToRoot(GuestRoot.Path);
        // As on any booted machine, so that mounts made later reach the namespaces of inner containers; systemd does the same.
        MountPoint.SetPropagation("/", MountFlags.Shared | MountFlags.Recursive);
    }

    private static void Execute(LaunchSpec launch, SafeFileHandle orders, SafeFileHandle report)
    {
        ProcessSpec spec = launch.Process;
        string? terminal = PseudoTerminal.ReopenStreams("/dev/pts");
        // posix_spawn made this process the leader of a session, which is what taking a terminal needs.
        if (spec.Terminal && !launch.AsChild) PseudoTerminal.TakeAsControlling(0);
        foreach (ResourceLimit limit in spec.Limits) SetLimit(limit);
        if (spec.User != 0) OwnStreams(spec.User);
        // Made for a workload, as runc does. An exec into a folder that is not there fails.
        bool entered = TryEnter(spec.WorkingDirectory, makesIt: launch.Mounts != MountAction.Enter);
        // While the file of users can still be read, whoever may.
        List<string> environment = UserAccount.WithHome(spec.Environment, spec.User);
        var rights = new ProcessRights(spec, launch.Filter);
        rights.Take();
        Node.SetUmask(spec.Umask);
        if (!entered) EnterOrExplain(spec.WorkingDirectory);
        string program = ProgramLookup.Find(spec.Arguments, environment);
        if (launch.Container != null) FileDescriptor.WriteAll(report, [SpawnReport.Ready]);
        if (launch.Held && !TryReceive(orders, [])) return;
        try
        {
            rights.Filter();
            if (!launch.AsChild) CurrentProcess.Execute(program, spec.Arguments, environment);
            int child = ChildProcess.StartInOwnPlace(program, spec.Arguments, environment, spec.Terminal ? terminal : null);
            FileDescriptor.WriteAll(report, [SpawnReport.Started, .. BitConverter.GetBytes(child)]);
            // The child's end can be waited for only after this process's.
            CurrentProcess.ExitAtOnce(0);
        }
        catch (LinuxException e) when (e.Errno == Errno.E2BIG)
        {
            // By then runc has told its caller that the program runs: what is wrong stands where that would write.
            using SafeFileHandle error = new(2, ownsHandle: false);
            FileDescriptor.WriteAll(error, Encoding.UTF8.GetBytes($"exec {program}: argument list too long\n"));
            throw new StartException(1, StartException.SaidItself);
        }
        catch (LinuxException e)
        {
            string reason = LinuxException.Describe(e.Errno).ToLowerInvariant();
            throw new StartException(126, $"unable to start container process: exec {spec.Arguments[0]}: {reason}");
        }
    }

    // Without this a program of another user cannot open /dev/stdout again; runc does the same. A null device is everybody's.
    private static void OwnStreams(uint user)
    {
        for (int number = 0; number < 3; number++)
        {
            using SafeFileHandle stream = new(number, ownsHandle: false);
            if (!FileStatus.Of(stream).IsNullDevice) FileDescriptor.SetOwner(number, user, null);
        }
    }

    private static void SetLimit(ResourceLimit limit)
    {
        // On most hosts systemd has raised what the kernel allows.
        if (limit.Resource == Rlimit.OpenFiles && limit.Hard is > Rlimit.MostOpenFiles and not ulong.MaxValue)
            File.WriteAllText("/proc/sys/fs/nr_open", limit.Hard.ToString(CultureInfo.InvariantCulture));
        CurrentProcess.SetLimit(limit.Resource, limit.Soft, limit.Hard);
    }

    private static bool TryEnter(string folder, bool makesIt)
    {
        try
        {
            if (makesIt && FileStatus.TryOf(folder, followLinks: true) == null) Node.MakeDirectory(folder);
            CurrentProcess.ChangeDirectory(folder);
            return true;
        }
        catch (LinuxException)
        {
            // Root may lack what the user has; tried again as the user, with an explanation.
            return false;
        }
    }

    private static void EnterOrExplain(string folder)
    {
        try
        {
            CurrentProcess.ChangeDirectory(folder);
        }
        catch (LinuxException e)
        {
            string reason = LinuxException.Describe(e.Errno).ToLowerInvariant();
            // What is not there is 127 to today's engines, the rest is 126.
            throw new StartException(e.Errno == Errno.ENOENT ? (byte)127 : (byte)126,
                $"unable to start container process: chdir to cwd (\"{folder}\") set in config.json failed: {reason}");
        }
    }

    internal static void Report(SafeFileHandle report, byte code, string message)
        => FileDescriptor.WriteAll(report, [code, .. Encoding.UTF8.GetBytes(message)]);
}
