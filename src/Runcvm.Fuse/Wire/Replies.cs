using System.Runtime.InteropServices;

namespace Runcvm.Fuse.Wire;

// The structs of linux/fuse.h that the server sends, named without their "fuse_"; fields as there.

/// <summary>struct fuse_out_header</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ReplyHeader(uint Len, int Error, ulong Unique)
{
    internal const int Size = 16;
}

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct InitOut(
    uint Major, uint Minor, uint MaxReadahead, uint Flags, ushort MaxBackground, ushort CongestionThreshold, uint MaxWrite,
    uint TimeGran, ushort MaxPages, ushort MapAlignment, uint Flags2)
{
    /// <summary>With the fields that are not used yet, which are zeros.</summary>
    internal const int FullSize = 64;

    /// <summary>FUSE_COMPAT_22_INIT_OUT_SIZE: what kernels before protocol 7.23 take.</summary>
    internal const int Compat22Size = 24;
}

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Attr(
    ulong Ino, ulong Size, ulong Blocks, long Atime, long Mtime, long Ctime, uint Atimensec, uint Mtimensec, uint Ctimensec,
    uint Mode, uint Nlink, uint Uid, uint Gid, uint Rdev, uint Blksize, uint Flags);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct EntryOut(
    ulong Nodeid, ulong Generation, ulong EntryValid, ulong AttrValid, uint EntryValidNsec, uint AttrValidNsec, Attr Attr)
{
    internal const int Size = 128;
}

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct AttrOut(ulong AttrValid, uint AttrValidNsec, uint Dummy, Attr Attr);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct OpenOut(ulong Fh, OpenReplyFlags OpenFlags, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct WriteOut(uint Size, uint Padding);

/// <summary>struct fuse_statfs_out without the words that are not used yet, for which room is left.</summary>
[StructLayout(LayoutKind.Sequential, Size = 80)]
internal readonly record struct Kstatfs(
    ulong Blocks, ulong Bfree, ulong Bavail, ulong Files, ulong Ffree, uint Bsize, uint Namelen, uint Frsize);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GetxattrOut(uint Size, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LkOut(FileLock Lk);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LseekOut(ulong Offset);

/// <summary>struct fuse_dirent without the name that follows it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Dirent(ulong Ino, ulong Off, uint Namelen, uint Type)
{
    internal const int Size = 24;
}
