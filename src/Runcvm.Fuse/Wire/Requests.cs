using System.Runtime.InteropServices;

namespace Runcvm.Fuse.Wire;

// The structs of linux/fuse.h that the kernel sends, named without their "fuse_"; fields as there. A test compares them
// with the C header. Host and guest have the same byte order: a guest is of its host's architecture.

/// <summary>struct fuse_in_header</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RequestHeader(
    uint Len, Opcode Opcode, ulong Unique, ulong Nodeid, uint Uid, uint Gid, uint Pid, ushort TotalExtlen, ushort Padding)
{
    internal const int Size = 40;
}

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct InitIn(uint Major, uint Minor, uint MaxReadahead, uint Flags);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ForgetIn(ulong Nlookup);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ForgetOne(ulong Nodeid, ulong Nlookup);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct BatchForgetIn(uint Count, uint Dummy);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SetattrIn(
    SetattrValid Valid, uint Padding, ulong Fh, ulong Size, ulong LockOwner, long Atime, long Mtime, long Ctime, uint Atimensec,
    uint Mtimensec, uint Ctimensec, uint Mode, uint Unused4, uint Uid, uint Gid, uint Unused5);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct MknodIn(uint Mode, uint Rdev, uint Umask, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct MkdirIn(uint Mode, uint Umask);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct RenameIn(ulong Newdir);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Rename2In(ulong Newdir, uint Flags, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LinkIn(ulong Oldnodeid);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct OpenIn(uint Flags, uint OpenFlags);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct CreateIn(uint Flags, uint Mode, uint Umask, uint OpenFlags);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ReleaseIn(ulong Fh, uint Flags, uint ReleaseFlags, ulong LockOwner);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FlushIn(ulong Fh, uint Unused, uint Padding, ulong LockOwner);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ReadIn(
    ulong Fh, ulong Offset, uint Size, uint ReadFlags, ulong LockOwner, uint Flags, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct WriteIn(
    ulong Fh, ulong Offset, uint Size, WriteFlags WriteFlags, ulong LockOwner, uint Flags, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FsyncIn(ulong Fh, uint FsyncFlags, uint Padding);

/// <summary>The first half of struct fuse_setxattr_in; the second, <see cref="SetxattrFlags"/>, is there if so agreed.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SetxattrIn(uint Size, uint Flags);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SetxattrFlags(uint Flags, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GetxattrIn(uint Size, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FileLock(ulong Start, ulong End, uint Type, uint Pid);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LkIn(ulong Fh, ulong Owner, FileLock Lk, uint LkFlags, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct AccessIn(uint Mask, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct InterruptIn(ulong Unique);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FallocateIn(ulong Fh, ulong Offset, ulong Length, uint Mode, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LseekIn(ulong Fh, ulong Offset, uint Whence, uint Padding);

[StructLayout(LayoutKind.Sequential)]
internal readonly record struct CopyFileRangeIn(
    ulong FhIn, ulong OffIn, ulong NodeidOut, ulong FhOut, ulong OffOut, ulong Len, ulong Flags);
