using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>The size of an ext4 file system beside that of its disk.</summary>
public static unsafe class Ext4Size
{
    // EXT4_IOC_RESIZE_FS, of which the C library's headers know nothing.
    private const uint ResizeFileSystem = 0x40086610;

    private const int Superblock = 1024;
    private const int BlocksLow = 0x4;
    private const int BlockSize = 0x18;
    private const int Features = 0x60;
    private const int BlocksHigh = 0x150;
    private const uint Has64Bits = 0x80;

    /// <summary>Makes a mounted file system as large as its disk, if it is smaller.</summary>
    /// <param name="device">the disk</param>
    /// <param name="deviceBytes">its size</param>
    /// <param name="mounted">a folder of the file system</param>
    public static void Grow(string device, long deviceBytes, string mounted)
    {
        byte[] block = new byte[1024];
        using (SafeFileHandle disk = FileDescriptor.Open(device, OpenFlags.ReadOnly))
            if (RandomAccess.Read(disk, block, Superblock) != block.Length) return;
        ulong blocks = BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(BlocksLow));
        if ((BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(Features)) & Has64Bits) != 0)
            blocks |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(BlocksHigh)) << 32;
        int shift = (int)BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(BlockSize)) + 10;
        ulong room = (ulong)deviceBytes >> shift;
        if (room <= blocks) return;
        using SafeFileHandle folder = FileDescriptor.Open(mounted, OpenFlags.ReadOnly | OpenFlags.Directory);
        SystemCall.Check(Libc.ioctl(folder, ResizeFileSystem, &room), $"grow the file system of {device}");
    }
}
