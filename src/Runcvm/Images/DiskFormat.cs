using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Options;

namespace Runcvm.Images;

/// <summary>How a file system is recognised and made.</summary>
/// <param name="Name">as mount(2) and users call it</param>
/// <param name="MagicAt">where in the file its mark is</param>
/// <param name="Magic">the mark</param>
internal sealed record DiskFormat(string Name, long MagicAt, byte[] Magic)
{
    // xfsprogs' list of what Linux 6.1 knows, the oldest kernel that machines are tried with: parent pointers and
    // exchanged ranges, which newer ones turn on, make a disk that it cannot mount. Only xfsprogs with a newer list
    // needs it; that of Debian 12 (6.1.0) cannot read its own.
    private const string XfsOptions = "/usr/share/xfsprogs/mkfs/lts_6.1.conf";
    private const string NewerXfsOptions = "/usr/share/xfsprogs/mkfs/lts_6.6.conf";

    internal static DiskFormat Of(DiskFileSystem system) => system switch
    {
        DiskFileSystem.Xfs => new DiskFormat("xfs", 0, [.. "XFSB"u8]),
        DiskFileSystem.Btrfs => new DiskFormat("btrfs", 0x10040, [.. "_BHRfS_M"u8]),
        _ => new DiskFormat("ext4", 1024 + 56, [0x53, 0xEF]),
    };

    /// <summary>Whether a file holds it.</summary>
    internal bool IsIn(SafeFileHandle file)
    {
        byte[] found = new byte[Magic.Length];
        return RandomAccess.Read(file, found, MagicAt) == found.Length && found.AsSpan().SequenceEqual(Magic);
    }

    /// <summary>Makes an empty, sparse one in an empty file.</summary>
    /// <param name="file">open for writing</param>
    /// <param name="size">in bytes</param>
    /// <param name="folder">where templates are</param>
    internal void Make(SafeFileHandle file, long size, string folder)
    {
        if (Name == "ext4")
        {
            using SafeFileHandle template = ScratchTemplate.Open(folder, size);
            SparseCopy.Copy(template, file);
            return;
        }

        // Not from a template: two of one machine must not have the same UUID. And not in the file's own place, where
        // others could put a link to something else while the program starts.
        string @new = System.IO.Path.Combine(folder, $"new-disk-{Environment.ProcessId}.{Name}");
        Node.MakeDirectory(folder);
        try
        {
            File.Delete(@new);
            using (SafeFileHandle empty = FileDescriptor.Open(@new, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, Permission.OwnersFile)) FileDescriptor.SetLength(empty, size);
            string program = Tool.Find($"mkfs.{Name}", Name == "xfs" ? "xfsprogs" : "btrfs-progs");
            string[] older = Name == "xfs" && File.Exists(NewerXfsOptions) ? ["-c", "options=" + XfsOptions] : [];
            if (Tool.Run(program, [$"mkfs.{Name}", "-q", .. older, @new]) is { } failure)
                throw Tool.Failure($"a disk with {Name}", folder, failure);
            using SafeFileHandle made = FileDescriptor.Open(@new, OpenFlags.ReadOnly);
            SparseCopy.Copy(made, file);
        }
        finally
        {
            File.Delete(@new);
        }
    }
}
