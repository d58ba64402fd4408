using Runcvm.Linux.Files;

namespace Runcvm.Installation;

/// <summary>The root of every sandbox: empty folders, and one empty file, that things are mounted on. There is nothing in it to reach. It
/// lies where no sandbox has a part of the host mounted.</summary>
internal static class SandboxSkeleton
{
    internal const string Place = "/run/runcvm-sandbox";

    /// <summary>A folder in it that nothing is mounted on.</summary>
    internal const string Nothing = Place + "/sys";

    private const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private static readonly string[] Folders = ["dev", "proc", "sys", "run", "etc", "disks", "vmm"];

    // Made last, so that where it is there all is.
    private const string Program = "runcvm";

    // What versions before made beside these.
    private static readonly string[] Former = ["tmp", "usr", "boot", "bin", "lib", "lib32", "lib64", "libx32", "sbin"];

    /// <summary>Makes what is missing; what is right already stays, because machines may be running on it.</summary>
    internal static void Ensure(string path = Place)
    {
        string program = Path.Combine(path, Program);
        if (File.Exists(program)) return;
        // Mode bits are given up to the umask when a folder is made, so they are set in a second step.
        foreach (string folder in Folders.Prepend("")) Folder(Path.Combine(path, folder));
        FileDescriptor.Open(program, OpenFlags.ReadOnly | OpenFlags.Create | OpenFlags.NoFollow, Permission.PlainFile).Dispose();
    }

    /// <summary>Removes what <see cref="Ensure"/> made, and the empty files and folders that the low-level runtime left there to mount things on.
    /// A folder that something was put into is not empty, and stays with an exception.</summary>
    internal static void Remove(string path)
    {
        File.Delete(Path.Combine(path, Program));
        foreach (string name in Folders.Concat(Former).Where(name => new DirectoryInfo(Path.Combine(path, name)).LinkTarget is null))
            RemoveMountPoints(Path.Combine(path, name));

        foreach (string name in Folders.Concat(Former).Append(""))
        {
            var entry = new DirectoryInfo(Path.Combine(path, name));
            if (entry.LinkTarget is not null) File.Delete(entry.FullName);
            else if (entry.Exists) entry.Delete();
        }
    }

    private static void RemoveMountPoints(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (FileSystemInfo entry in new DirectoryInfo(folder).GetFileSystemInfos())
        {
            if (entry.LinkTarget is not null) continue;
            if (entry is DirectoryInfo) RemoveMountPoints(entry.FullName);
            if (entry is DirectoryInfo || entry is FileInfo { Length: 0 }) entry.Delete();
        }
    }

    private static void Folder(string path)
    {
        if (new DirectoryInfo(path).LinkTarget is not null) File.Delete(path);
        Directory.CreateDirectory(path);
        if (File.GetUnixFileMode(path) != Everybody) File.SetUnixFileMode(path, Everybody);
    }
}
