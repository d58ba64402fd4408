using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Building;

/// <summary>The root folder of a program that reads what strangers made: programs and libraries of the host, and what
/// is put there for it. There is no <c>/proc</c> in it, no <c>/dev</c>, and no other file of the host.</summary>
internal static class BuilderRoot
{
    // On some hosts links into the first.
    private static readonly string[] ProgramFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

    /// <summary>Shows what the program consists of.</summary>
    /// <param name="tree">a file system in memory</param>
    /// <param name="program">without links</param>
    internal static void ShowPrograms(string tree, string program)
    {
        foreach (string folder in FoldersOf(program)) ShowProgramsIn(tree, folder);
    }

    /// <summary>Where the program and all that belongs to it lie, as far as this root has them.</summary>
    internal static IEnumerable<string> FoldersOf(string program)
    {
        // A distribution may keep its programs elsewhere, as /nix/store.
        string own = "/" + program.Split('/')[1];
        return ProgramFolders.Append(own).Distinct()
            .Where(static folder => FileStatus.TryOf(folder, followLinks: true) != null);
    }

    /// <summary>Shows a folder of the host by its own name.</summary>
    internal static void Show(string tree, string folder, bool writable)
    {
        const MountFlags Plain = MountFlags.Bind | MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec;
        Directory.CreateDirectory(tree + folder);
        MountPoint.Bind(folder, tree + folder);
        MountPoint.Remount(tree + folder, Plain | (writable ? MountFlags.None : MountFlags.ReadOnly));
    }

    private static void ShowProgramsIn(string tree, string folder)
    {
        if (FileStatus.TryOf(folder) is { Kind: FileKind.Link })
        {
            File.CreateSymbolicLink(tree + folder, new FileInfo(folder).LinkTarget!);
            return;
        }

        Node.MakeDirectory(tree + folder);
        MountPoint.Bind(folder, tree + folder, recursive: true);
        MountPoint.Remount(
            tree + folder, MountFlags.Bind | MountFlags.ReadOnly | MountFlags.NoSuid | MountFlags.NoDev);
    }
}
