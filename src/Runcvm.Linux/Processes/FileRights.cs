namespace Runcvm.Linux.Processes;

/// <summary>What Landlock lets a program do with a file, or with all that is below a folder: LANDLOCK_ACCESS_FS_* of
/// linux/landlock.h.</summary>
[Flags]
public enum FileRights : ulong
{
    /// <summary>nothing</summary>
    None = 0,
    /// <summary>run it</summary>
    Execute = 1 << 0,
    /// <summary>open it for writing</summary>
    Write = 1 << 1,
    /// <summary>open it for reading</summary>
    Read = 1 << 2,
    /// <summary>open a folder to list it</summary>
    ListFolder = 1 << 3,
    /// <summary>remove or rename an empty folder</summary>
    RemoveFolder = 1 << 4,
    /// <summary>remove or rename a file</summary>
    RemoveFile = 1 << 5,
    /// <summary>make a character device, or bring one here</summary>
    MakeCharacterDevice = 1 << 6,
    /// <summary>make a folder, or bring one here</summary>
    MakeFolder = 1 << 7,
    /// <summary>make a regular file, or bring one here</summary>
    MakeFile = 1 << 8,
    /// <summary>make a Unix socket, or bring one here</summary>
    MakeSocket = 1 << 9,
    /// <summary>make a named pipe, or bring one here</summary>
    MakePipe = 1 << 10,
    /// <summary>make a block device, or bring one here</summary>
    MakeBlockDevice = 1 << 11,
    /// <summary>make a symbolic link, or bring one here</summary>
    MakeLink = 1 << 12,
    /// <summary>link or rename to another folder (Linux 5.19; before that nobody may)</summary>
    Refer = 1 << 13,
    /// <summary>change its length (Linux 6.2; before that everybody may who can write)</summary>
    Truncate = 1 << 14,
    /// <summary>ioctl(2) of a device (Linux 6.10; before that everybody may)</summary>
    ControlDevice = 1 << 15,
}
