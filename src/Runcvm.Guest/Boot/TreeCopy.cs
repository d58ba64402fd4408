using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Boot;

/// <summary>Copies files with owner, mode, times and extended attributes. Works on layers as they lie on disk, so
/// overlayfs' own marks (whiteouts, opaque folders) are copied like anything else.</summary>
internal static class TreeCopy
{
    /// <summary>Copies single entries, parents before children, replacing what is there.</summary>
    internal static void TakeOver(string from, string to, IReadOnlyList<LayerPath> entries)
    {
        foreach (LayerPath entry in entries)
        {
            string source = Path.Combine(from, entry.Path);
            string target = Path.Combine(to, entry.Path);
            FileStatus? old = FileStatus.TryOf(target);
            bool isFolder = FileStatus.TryOf(source) is { Kind: FileKind.Directory };
            if (old != null && !(isFolder && old is { Kind: FileKind.Directory })) Remove(target, old.Value);
            CopyEntry(source, target);
            if (!isFolder || !entry.WithContents) continue;
            CopyAll(source, target);
            CopyAttributes(source, target);
        }
    }

    /// <summary>Copies everything below a folder into another.</summary>
    internal static void CopyAll(string from, string to)
    {
        foreach (string source in Directory.GetFileSystemEntries(from))
        {
            string target = $"{to}/{Path.GetFileName(source)}";
            CopyEntry(source, target);
            if (FileStatus.TryOf(source) is not { Kind: FileKind.Directory }) continue;
            CopyAll(source, target);
            CopyAttributes(source, target);
        }
    }

    /// <summary>Gives a file the owner, mode, times and extended attributes of another.</summary>
    internal static void CopyAttributes(string from, string to)
    {
        FileStatus status = FileStatus.TryOf(from) ?? throw new FileNotFoundException($"{from} is not there");
        Node.SetOwner(to, status.Owner, status.Group);
        ExtendedAttributes.CopyAll(from, to);
        if (status.Kind == FileKind.Link) return;
        Node.SetPermissions(to, status.Permissions);
        File.SetLastWriteTimeUtc(to, DateTime.UnixEpoch.AddTicks(status.ModifiedNanoseconds / 100));
    }

    private static void CopyEntry(string source, string target)
    {
        FileStatus status = FileStatus.TryOf(source) ?? throw new FileNotFoundException($"{source} is not there");
        switch (status.Kind)
        {
            case FileKind.Directory:
                Node.MakeDirectory(target);
                break;
            case FileKind.Regular:
                using (SafeFileHandle from = FileDescriptor.Open(source, OpenFlags.ReadOnly))
                using (SafeFileHandle to = FileDescriptor.Open(target, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, 0x180))
                    SparseCopy.Copy(from, to);
                break;
            case FileKind.Link:
                File.CreateSymbolicLink(target, new FileInfo(source).LinkTarget ?? "");
                break;
            default:
                Node.Make(target, status.Kind, status.Permissions, status.SpecialDevice);
                break;
        }

        CopyAttributes(source, target);
    }

    private static void Remove(string path, FileStatus status)
    {
        if (status.Kind == FileKind.Directory) Directory.Delete(path, recursive: true);
        else File.Delete(path);
    }
}
