using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Making and changing entries of directories.</summary>
public static class Node
{
    /// <summary>mkdir(2) of the path and its missing parents; what exists already stays as it is.</summary>
    public static void MakeDirectory(string path, uint mode = Permission.PlainFolder)
    {
        if (FileStatus.TryOf(path, followLinks: true) is { Kind: FileKind.Directory }) return;
        string? parent = Path.GetDirectoryName(path);
        if (!string.IsNullOrEmpty(parent) && parent != "/") MakeDirectory(parent);
        int result = Libc.mkdir(path, mode);
        if (result < 0 && SystemCall.LastError == Errno.EEXIST) return;
        SystemCall.Check(result, $"make directory {path}");
    }

    /// <summary>mknod(2): a device, pipe or socket.</summary>
    /// <param name="path">where</param>
    /// <param name="kind">which kind</param>
    /// <param name="permissions">permission bits, not reduced by the umask of PID 1</param>
    /// <param name="device">device number, see <see cref="FileStatus.Device"/></param>
    public static void Make(string path, FileKind kind, uint permissions, ulong device = 0)
        => SystemCall.Check(Libc.mknod(path, (uint)kind | permissions, device), $"make node {path}");

    /// <summary>chmod(2)</summary>
    public static void SetPermissions(string path, uint permissions)
        => SystemCall.Check(Libc.chmod(path, permissions), $"change the mode of {path}");

    /// <summary>chmod(2) of what is no link. Lists of others who may use it (acl(5)) are taken away.</summary>
    public static void SetPermissionsAlone(string path, uint permissions)
    {
        foreach (string list in (string[])["system.posix_acl_access", "system.posix_acl_default"])
        {
            int result = Libc.removexattr(path, list);
            if (result < 0 && SystemCall.LastError is Errno.ENODATA or Errno.EOPNOTSUPP) continue;
            SystemCall.Check(result, $"take the access list of {path} away");
        }

        SetPermissions(path, permissions);
    }

    /// <summary>lchown(2)</summary>
    public static void SetOwner(string path, uint owner, uint group)
        => SystemCall.Check(Libc.lchown(path, owner, group), $"change the owner of {path}");

    /// <summary>link(2): another name of a file, or false where it would be on another file system.</summary>
    public static bool TryLink(string path, string other)
    {
        int result = Libc.link(path, other);
        if (result < 0 && SystemCall.LastError == Errno.EXDEV) return false;
        SystemCall.Check(result, $"give {path} the name {other}");
        return true;
    }

    /// <summary>umask(2): returns the one before.</summary>
    public static uint SetUmask(uint mask) => Libc.umask(mask);
}
