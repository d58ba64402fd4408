using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Boot;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Processes;

/// <summary>`runcvm-init spawn`: turns itself into the process that was asked for.</summary>
internal static class SpawnedProcess
{
    internal const int LaunchFile = 3;
    internal const int ReportFile = 4;
    internal const int MountsFile = 5;

    internal static int Run()
    {
        using SafeFileHandle report = FileDescriptor.Inherited(ReportFile);
        try
        {
            LaunchSpec launch = ReadSpec();
            EnterMounts(launch);
            if (launch.Reap) ReapingInit.Become(launch.Process, report);
            Execute(launch.Process);
        }
        catch (StartException e)
        {
            Report(report, e.Code, e.Message);
        }
        catch (Exception e) when (e is LinuxException or IOException or WireFormatException or UnauthorizedAccessException)
        {
            Report(report, 126, $"unable to start container process: {e.Message}");
        }

        return 1;
    }

    private static LaunchSpec ReadSpec()
    {
        using SafeFileHandle file = FileDescriptor.Inherited(LaunchFile);
        FileDescriptor.Rewind(file);
        var reader = new WireReader(FileDescriptor.ReadToEnd(file));
        return LaunchSpec.Read(ref reader);
    }

    private static void EnterMounts(LaunchSpec launch)
    {
        if (launch.Mounts == MountAction.Keep) return;
        if (launch.Mounts == MountAction.Enter)
        {
            using SafeFileHandle mounts = FileDescriptor.Inherited(MountsFile);
            // setns(2) refuses a thread that shares its working directory with others; .NET has other threads.
            CurrentProcess.Unshare(Namespaces.FileSystemContext);
            CurrentProcess.Enter(mounts, Namespaces.Mount);
            return;
        }

        CurrentProcess.Unshare(Namespaces.FileSystemContext | Namespaces.Mount);
        MountPoint.SetPropagation("/", MountFlags.Private | MountFlags.Recursive);
        // Mounted here and not by the boot process: a proc file system shows the PID namespace of whoever mounts it.
        MountPoint.Add("proc", $"{GuestRoot.Path}/proc", "proc", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec);
        if (launch.ReadOnlyRoot) MountPoint.Remount(GuestRoot.Path, MountFlags.Bind | MountFlags.ReadOnly);
        MountPoint.MoveToRoot(GuestRoot.Path);
        // As on any booted machine, so that mounts made later reach the namespaces of inner containers; systemd does the same.
        MountPoint.SetPropagation("/", MountFlags.Shared | MountFlags.Recursive);
    }

    private static void Execute(ProcessSpec spec)
    {
        // posix_spawn made this process the leader of a session, which is what taking a terminal needs.
        PseudoTerminal.ReopenStreams("/dev/pts");
        if (spec.Terminal) PseudoTerminal.TakeAsControlling(0);
        if (spec.OomScoreAdjust != 0) File.WriteAllText("/proc/self/oom_score_adj", spec.OomScoreAdjust.ToString(System.Globalization.CultureInfo.InvariantCulture));
        foreach (ResourceLimit limit in spec.Limits) CurrentProcess.SetLimit(limit.Resource, limit.Soft, limit.Hard);
        if (spec.User != 0 || spec.Group != 0) OwnStreams(spec);
        bool entered = TryEnter(spec.WorkingDirectory);
        BecomeUser(spec);
        Node.SetUmask(spec.Umask);
        if (!entered) EnterOrExplain(spec.WorkingDirectory);
        List<string> environment = UserAccount.WithHome(spec.Environment, spec.User);
        string program = ProgramLookup.Find(spec.Arguments, environment);
        try
        {
            CurrentProcess.Execute(program, spec.Arguments, environment);
        }
        catch (LinuxException e)
        {
            string reason = LinuxException.Describe(e.Errno).ToLowerInvariant();
            throw new StartException(126, $"unable to start container process: exec {spec.Arguments[0]}: {reason}");
        }
    }

    private static void BecomeUser(ProcessSpec spec)
    {
        new CapabilitySet(spec.Capabilities.Bounding).LimitBounding();
        CurrentProcess.KeepCapabilities(true);
        CurrentProcess.SetIdentity(spec.User, spec.Group, spec.Groups.ToArray());
        CapabilitySet.Apply(
            new CapabilitySet(spec.Capabilities.Effective), new CapabilitySet(spec.Capabilities.Permitted),
            new CapabilitySet(spec.Capabilities.Inheritable));
        new CapabilitySet(spec.Capabilities.Ambient).ApplyAmbient();
        CurrentProcess.KeepCapabilities(false);
        if (spec.NoNewPrivileges) CurrentProcess.SetNoNewPrivileges();
    }

    // Without this a program of another user cannot open /dev/stdout again; runc does the same.
    private static void OwnStreams(ProcessSpec spec)
    {
        for (int number = 0; number < 3; number++) FileDescriptor.SetOwner(number, spec.User, spec.Terminal ? null : spec.Group);
    }

    private static bool TryEnter(string folder)
    {
        try
        {
            if (FileStatus.TryOf(folder, followLinks: true) == null) Node.MakeDirectory(folder);
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
            throw new StartException(126, $"unable to start container process: chdir to cwd (\"{folder}\") set in config.json failed: {reason}");
        }
    }

    private static void Report(SafeFileHandle report, byte code, string message)
        => FileDescriptor.WriteAll(report, [code, .. Encoding.UTF8.GetBytes(message)]);
}
