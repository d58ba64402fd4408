using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Root;

/// <summary>Copies files with owner, mode, times and extended attributes. Works on layers as they lie on disk, so
/// overlayfs' own marks (whiteouts, opaque folders) are copied like anything else.</summary>
internal static class TreeCopy
{
    // XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
    private const int MostAttributes = 65536;

    /// <summary>Copies single entries, parents before children, replacing what is there.</summary>
    internal static void TakeOver(string from, string to, IReadOnlyList<LayerPath> entries)
    {
        foreach (LayerPath entry in entries)
        {
            using SafeFileHandle source = OpenFolder(from);
            using SafeFileHandle target = OpenFolder(to);
            TakeOver(source, target, entry.Path, entry.WithContents);
        }
    }

    /// <summary>Copies everything below a folder into another.</summary>
    internal static void CopyAll(string from, string to)
    {
        using SafeFileHandle source = OpenFolder(from);
        using SafeFileHandle target = OpenFolder(to);
        CopyAll(source, target);
    }

    /// <summary>Gives a folder the owner, mode, times and extended attributes of another.</summary>
    internal static void CopyAttributes(string from, string to)
    {
        using SafeFileHandle source = OpenFolder(from);
        using SafeFileHandle target = OpenFolder(to);
        CopyAttributes(source, target);
    }

    /// <summary>Removes everything below a folder, but for what has this name.</summary>
    internal static void Empty(string folder, ReadOnlySpan<byte> except = default)
    {
        using SafeFileHandle open = OpenFolder(folder);
        foreach (TreeEntry entry in TreeEntry.In(open))
        {
            if (!entry.IsNamed(except)) entry.Remove();
        }
    }

    private static SafeFileHandle OpenFolder(string path) => FileDescriptor.Open(path, OpenFlags.ReadOnly | OpenFlags.Directory);

    private static void TakeOver(SafeFileHandle from, SafeFileHandle to, ReadOnlySpan<byte> path, bool withContents)
    {
        int slash = path.IndexOf((byte)'/');
        if (slash >= 0)
        {
            using SafeFileHandle innerFrom = new TreeEntry(from, path[..slash]).OpenFolder();
            using SafeFileHandle innerTo = new TreeEntry(to, path[..slash]).OpenFolder();
            TakeOver(innerFrom, innerTo, path[(slash + 1)..], withContents);
        }
        else if (path.IsEmpty)
        {
            if (withContents) CopyAll(from, to);
            CopyAttributes(from, to);
        }
        else
        {
            Replace(new TreeEntry(from, path), new TreeEntry(to, path), withContents);
        }
    }

    private static void Replace(TreeEntry source, TreeEntry target, bool withContents)
    {
        using (SafeFileHandle @new = source.Find())
        using (SafeFileHandle? old = target.TryFind())
        {
            bool bothFolders = old != null && IsFolder(old) && IsFolder(@new);
            if (old != null && !bothFolders) target.Remove();
        }

        Copy(source, target, withContents);
    }

    private static void CopyAll(SafeFileHandle from, SafeFileHandle to)
    {
        foreach (TreeEntry source in TreeEntry.In(from)) Replace(source, source.At(to), withContents: true);
    }

    private static void Copy(TreeEntry source, TreeEntry target, bool withContents)
    {
        using SafeFileHandle node = source.Find();
        FileStatus status = FileStatus.Of(node);
        switch (status.Kind)
        {
            case FileKind.Directory:
                target.MakeFolder();
                if (withContents)
                {
                    using SafeFileHandle from = source.OpenFolder();
                    using SafeFileHandle to = target.OpenFolder();
                    CopyAll(from, to);
                }

                break;
            case FileKind.Regular:
                using (SafeFileHandle from = source.Open(OpenFlags.ReadOnly))
                using (SafeFileHandle to = target.Open(OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, Permission.OwnersFile))
                    SparseCopy.Copy(from, to);
                break;
            case FileKind.Link:
                target.MakeLink(node);
                break;
            default:
                target.MakeNode(status);
                break;
        }

        using SafeFileHandle made = target.Find();
        CopyAttributes(node, made);
    }

    private static void CopyAttributes(SafeFileHandle from, SafeFileHandle to)
    {
        Check(FileCall.Status(from, out NodeStatus status), "look at", from);
        Check(FileCall.SetOwner(to, status.Owner, status.Group), "change the owner of", to);
        CopyExtendedAttributes(from, to);
        if (FileStatus.Of(from).Kind == FileKind.Link) return;
        Check(FileCall.SetMode(to, status.Mode & 0xFFF), "change the mode of", to);
        // Not by .NET, which follows no link, and so not the one by which the file is reached.
        Check(FileCall.SetModified(to, status.Modified), "change the times of", to);
    }

    private static void CopyExtendedAttributes(SafeFileHandle from, SafeFileHandle to)
    {
        byte[] list = new byte[MostAttributes];
        long length = FileCall.ListAttributes(from, list);
        if (length == -(int)Errno.EOPNOTSUPP) return;
        Check(length, "list the attributes of", from);
        byte[] value = new byte[MostAttributes];
        for (ReadOnlySpan<byte> left = list.AsSpan(0, (int)length); left.IndexOf((byte)0) is >= 0 and int end; left = left[(end + 1)..])
        {
            ReadOnlySpan<byte> name = left[..(end + 1)];
            long size = Check(FileCall.GetAttribute(from, name, value), "read an attribute of", from);
            Check(FileCall.SetAttribute(to, name, value.AsSpan(0, (int)size), 0), "set an attribute of", to);
        }
    }

    private static bool IsFolder(SafeFileHandle file) => FileStatus.Of(file).Kind == FileKind.Directory;

    private static long Check(long result, string what, SafeFileHandle file)
        => result >= 0 ? result : throw new LinuxException((Errno)(-result), $"{what} {new FileInfo(FileDescriptor.PathOf(file)).LinkTarget}");
}
