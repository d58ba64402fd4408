using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Building;

/// <summary>A thread in the confinement of a program that reads what may be a stranger's. What it starts is confined
/// from its first instruction on. Takes root.</summary>
internal sealed class BuilderRoom : IDisposable
{
    // Only a mount point: each room mounts in a namespace of its own, so all can use the same one.
    private const string Place = "/run/runcvm-builder";

    // 022
    private const uint UsualMask = 0x12;

    private static readonly string[] Environment = [$"PATH={ProgramPath.SystemFolders}", "LC_ALL=C"];

    private readonly UserThread _inside;

    /// <param name="program">that will be started, without links</param>
    /// <param name="user">whom nobody else is</param>
    /// <param name="kept">its capabilities</param>
    /// <param name="folders">of the host that it sees by their names, and whether it may write there</param>
    internal BuilderRoom(
        string program, uint user, CapabilitySet kept, IReadOnlyList<(string Path, bool IsWritable)> folders)
    {
        Node.MakeDirectory(Place, Permission.OwnersFolder);
        _inside = new UserThread("builder", () => Enter(program, user, kept, folders));
    }

    /// <summary>Runs a program to its end. A room is for one program: its processes have a namespace whose first one it
    /// is.</summary>
    /// <param name="path">the program's file</param>
    /// <param name="arguments">argv, its first the program's name</param>
    /// <param name="most">how long it may take, asleep or not</param>
    /// <param name="mostMemory">bytes, of all its processes together</param>
    internal BuilderEnd Run(
        string path, IReadOnlyList<string> arguments, TimeSpan most, long mostMemory = BuilderGroup.MostMemory)
    {
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        using SafeFileHandle stderr = read;
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using var group = BuilderGroup.Make(mostMemory);
        using ChildProcess child = Start(group, path, arguments, nothing, write);
        return BuilderEnd.Await(child, stderr, most, () => _inside.Run(OtherProcess.TryKillAllOfUser));
    }

    public void Dispose() => _inside.Dispose();

    private ChildProcess Start(
        BuilderGroup group, string path, IReadOnlyList<string> arguments, SafeFileHandle nothing,
        SafeFileHandle stderr)
    {
        // Our copy of the writing end must be closed, or the end of the output would never be seen.
        using (stderr)
        {
            return group.Start(() => _inside.Run(() => ChildProcess.Start(
                path, arguments, Environment, [(0, nothing), (1, nothing), (2, stderr)])));
        }
    }

    private static void Enter(
        string program, uint user, CapabilitySet kept, IReadOnlyList<(string Path, bool IsWritable)> folders)
    {
        // The program is the first process of its namespace: it can name nobody else, this thread of root's process
        // neither, and what it leaves behind ends with it.
        CurrentProcess.Unshare(
            Namespaces.Mount | Namespaces.FileSystemContext | Namespaces.Network | Namespaces.Ipc | Namespaces.Uts
            | Namespaces.Pid);
        // For what is made here; the process has another one.
        Node.SetUmask(UsualMask);
        MountPoint.SetPropagation("/", MountFlags.Recursive | MountFlags.Private);
        MountPoint.Add("tmpfs", Place, "tmpfs", MountFlags.NoSuid | MountFlags.NoDev, "mode=755,size=1m");
        BuilderRoot.ShowPrograms(Place, program);
        foreach ((string path, bool isWritable) in folders) BuilderRoot.Show(Place, path, isWritable);
        MountPoint.Remount(Place, MountFlags.ReadOnly | MountFlags.NoSuid | MountFlags.NoDev);
        MountPoint.Confine(Place);
        BuilderIdentity.Become(user, kept);
        // Without signals: this thread is one of several, and what it starts sees nobody else.
        BuilderRules.EnforceIfPossible(BuilderRules.Of(program, folders));
        SystemCallFilter.Of(BuilderCalls.List).Install(allThreads: false);
    }
}
