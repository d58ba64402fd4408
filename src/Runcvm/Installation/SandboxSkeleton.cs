namespace Runcvm.Installation;

/// <summary>The root of every sandbox: empty folders that things are mounted on, and the links that make programs of the host's /usr
/// find what they look for under /bin and /lib. It holds no file, so that there is nothing in it to reach.</summary>
internal static class SandboxSkeleton
{
    private const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private static readonly string[] Folders = ["dev", "proc", "sys", "run", "tmp", "usr", "etc", "disks", "boot"];
    private static readonly string[] Merged = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

    /// <summary>Makes what is missing; what is right already stays, because machines may be running on it.</summary>
    /// <param name="path">of the skeleton</param>
    /// <param name="host">root of the host, whose /bin and so on are looked at</param>
    internal static void Make(string path, string host = "/")
    {
        // Mode bits are given up to the umask when a folder is made, so they are set in a second step.
        foreach (string folder in Folders.Prepend(""))
            Folder(Path.Combine(path, folder));
        foreach (string name in Merged)
        {
            var original = new DirectoryInfo(Path.Combine(host, name));
            if (original.LinkTarget is { } target) Link(Path.Combine(path, name), Relative(target));
            else if (original.Exists) Folder(Path.Combine(path, name));
        }
    }

    /// <summary>Removes what <see cref="Make"/> made, and the empty files and folders that the low-level runtime left there to mount things on.
    /// A folder that something was put into is not empty, and stays with an exception.</summary>
    internal static void Remove(string path)
    {
        foreach (string name in Folders) RemoveMountPoints(Path.Combine(path, name));

        foreach (string name in Merged.Concat(Folders).Append(""))
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

    private static void Link(string path, string target)
    {
        var there = new DirectoryInfo(path);
        if (there.LinkTarget == target) return;
        if (there.LinkTarget is not null) File.Delete(path);
        else if (there.Exists) there.Delete();
        Directory.CreateSymbolicLink(path, target);
    }

    // An absolute target means the host's root; inside the sandbox it is the same, but not for whoever looks at it from outside.
    private static string Relative(string target) => target.TrimStart('/');
}
