using System.Runtime.InteropServices;

namespace Runcvm.Linux.Files;

/// <summary>Flags of open(2), free of the differences between architectures.</summary>
[Flags]
public enum OpenFlags
{
    /// <summary>O_RDONLY</summary>
    ReadOnly = 0,
    /// <summary>O_WRONLY</summary>
    WriteOnly = 1 << 0,
    /// <summary>O_RDWR</summary>
    ReadWrite = 1 << 1,
    /// <summary>O_CREAT</summary>
    Create = 1 << 2,
    /// <summary>O_EXCL</summary>
    Exclusive = 1 << 3,
    /// <summary>O_TRUNC</summary>
    Truncate = 1 << 4,
    /// <summary>O_NONBLOCK</summary>
    NonBlocking = 1 << 5,
    /// <summary>O_DIRECTORY</summary>
    Directory = 1 << 6,
    /// <summary>O_NOFOLLOW</summary>
    NoFollow = 1 << 7,
    /// <summary>O_CLOEXEC</summary>
    CloseOnExec = 1 << 8,
    /// <summary>O_PATH</summary>
    Path = 1 << 9,
    /// <summary>O_NOCTTY</summary>
    NoControllingTerminal = 1 << 10,
    /// <summary>O_DSYNC</summary>
    DataSynchronous = 1 << 11,
    /// <summary>O_SYNC</summary>
    Synchronous = 1 << 12,
    /// <summary>O_NOATIME</summary>
    NoAccessTime = 1 << 13,
    /// <summary>O_TMPFILE</summary>
    TemporaryFile = 1 << 14,
}

/// <summary>The numbers behind <see cref="OpenFlags"/>.</summary>
internal static class OpenFlagValues
{
    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    internal static int ToNative(OpenFlags flags) => ToNative(flags, Arm64);

    internal static int ToNative(OpenFlags flags, bool arm64)
    {
        int native = 0;
        if (flags.HasFlag(OpenFlags.WriteOnly)) native |= 0x1;
        if (flags.HasFlag(OpenFlags.ReadWrite)) native |= 0x2;
        if (flags.HasFlag(OpenFlags.Create)) native |= 0x40;
        if (flags.HasFlag(OpenFlags.Exclusive)) native |= 0x80;
        if (flags.HasFlag(OpenFlags.NoControllingTerminal)) native |= 0x100;
        if (flags.HasFlag(OpenFlags.Truncate)) native |= 0x200;
        if (flags.HasFlag(OpenFlags.NonBlocking)) native |= 0x800;
        if (flags.HasFlag(OpenFlags.Directory)) native |= arm64 ? 0x4000 : 0x10000;
        if (flags.HasFlag(OpenFlags.NoFollow)) native |= arm64 ? 0x8000 : 0x20000;
        if (flags.HasFlag(OpenFlags.CloseOnExec)) native |= 0x80000;
        if (flags.HasFlag(OpenFlags.Path)) native |= 0x200000;
        if (flags.HasFlag(OpenFlags.DataSynchronous)) native |= 0x1000;
        if (flags.HasFlag(OpenFlags.Synchronous)) native |= 0x101000;
        if (flags.HasFlag(OpenFlags.NoAccessTime)) native |= 0x40000;
        if (flags.HasFlag(OpenFlags.TemporaryFile)) native |= 0x400000 | (arm64 ? 0x4000 : 0x10000);
        return native;
    }
}
