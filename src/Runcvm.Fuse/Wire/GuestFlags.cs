namespace Runcvm.Fuse.Wire;

/// <summary>Flags of open(2) as a guest's kernel writes them: asm-generic/fcntl.h, these being the same on x86-64 and arm64.</summary>
internal static class GuestFlags
{
    /// <summary>O_ACCMODE</summary>
    internal const uint AccessMode = 3;

    /// <summary>O_WRONLY</summary>
    internal const uint WriteOnly = 1;

    /// <summary>O_RDWR</summary>
    internal const uint ReadWrite = 2;

    /// <summary>O_EXCL</summary>
    internal const uint Exclusive = 0x80;

    /// <summary>O_TRUNC</summary>
    internal const uint Truncate = 0x200;

    /// <summary>O_APPEND</summary>
    internal const uint Append = 0x400;

    /// <summary>O_DSYNC</summary>
    internal const uint DataSynchronous = 0x1000;

    /// <summary>O_SYNC, which contains O_DSYNC</summary>
    internal const uint Synchronous = 0x101000;

    /// <summary>O_NOATIME</summary>
    internal const uint NoAccessTime = 0x40000;
}
