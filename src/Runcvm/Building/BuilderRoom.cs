using System.Text;
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

    // Of what is shown one line is.
    private const int MostErrors = 16 * 1024;

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
    /// <returns>how it ended, and what it wrote to stderr</returns>
    internal (ExitStatus End, string Errors) Run(string path, IReadOnlyList<string> arguments)
    {
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        using SafeFileHandle stderr = read;
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        using ChildProcess child = Start(path, arguments, nothing, write);
        var errors = Task.Run(() => LastWords(stderr));
        ExitStatus end = child.Wait();
        // One that was taken over may have left others behind, who would go on writing to what it made, and to this
        // pipe.
        _inside.Run(OtherProcess.TryKillAllOfUser);
        return (end, errors.GetAwaiter().GetResult());
    }

    // Until nobody can write any more.
    private static string LastWords(SafeFileHandle stderr)
    {
        byte[] last = [];
        byte[] some = new byte[MostErrors];
        for (int got; (got = FileDescriptor.TryRead(stderr, some)) > 0;)
            last = [.. last.Concat(some.Take(got)).TakeLast(MostErrors)];
        return Encoding.UTF8.GetString(last);
    }

    public void Dispose() => _inside.Dispose();

    private ChildProcess Start(
        string path, IReadOnlyList<string> arguments, SafeFileHandle nothing, SafeFileHandle stderr)
    {
        // Our copy of the writing end must be closed, or the end of the output would never be seen.
        using (stderr)
        {
            return _inside.Run(() => ChildProcess.Start(
                path, arguments, Environment, [(0, nothing), (1, nothing), (2, stderr)]));
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
        SystemCallFilter.Of(BuilderCalls.List).Install(allThreads: false);
    }
}
