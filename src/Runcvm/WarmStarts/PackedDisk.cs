using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.WarmStarts;

/// <summary>A disk without its holes, as a stream: archives that engines make of a checkpoint know none, and would have
/// gigabytes of zeros. Pieces in their order, each with its place (u64) and length (u32); the place of the end is
/// beyond all.</summary>
internal static class PackedDisk
{
    private const int MostOfPiece = 128 * 1024;
    private const int HeadBytes = sizeof(ulong) + sizeof(uint);
    private const ulong End = ulong.MaxValue;

    /// <summary>Writes a disk to a stream.</summary>
    internal static void Pack(SafeFileHandle disk, Stream output)
    {
        byte[] buffer = new byte[MostOfPiece];
        foreach ((long start, long end) in SparseFile.Data(disk))
        {
            for (long at = start; at < end;)
            {
                int wanted = (int)Math.Min(buffer.Length, end - at);
                int n = RandomAccess.Read(disk, buffer.AsSpan(0, wanted), at);
                if (n == 0) throw new InvalidDataException("it became shorter while it was read");
                // What the guest has freed is often written as zeros.
                if (buffer.AsSpan(0, n).ContainsAnyExcept((byte)0)) Write(output, (ulong)at, buffer.AsSpan(0, n));
                at += n;
            }
        }

        Write(output, End, []);
    }

    /// <summary>Makes a disk of what a stream holds, all of it.</summary>
    /// <param name="input">which may hold anything</param>
    /// <param name="disk">empty, open for writing</param>
    /// <param name="size">bytes of the disk</param>
    /// <exception cref="InvalidDataException">it is no disk of that size</exception>
    internal static void Unpack(Stream input, SafeFileHandle disk, long size)
    {
        FileDescriptor.SetLength(disk, size);
        byte[] head = new byte[HeadBytes];
        byte[] buffer = new byte[MostOfPiece];
        for (ulong least = 0; ;)
        {
            Fill(input, head);
            ulong at = BinaryPrimitives.ReadUInt64LittleEndian(head);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(sizeof(ulong)));
            if (at == End && length == 0) break;
            if (length is 0 or > MostOfPiece || at < least || at > (ulong)size || length > (ulong)size - at)
                throw new InvalidDataException($"{length} bytes at {at} are no piece of a disk of {size}");
            Fill(input, buffer.AsSpan(0, (int)length));
            RandomAccess.Write(disk, buffer.AsSpan(0, (int)length), (long)at);
            least = at + length;
        }

        if (input.ReadByte() >= 0) throw new InvalidDataException("there is more behind the end of the disk");
    }

    private static void Fill(Stream input, Span<byte> buffer)
    {
        if (input.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length)
            throw new InvalidDataException("the disk ends too early");
    }

    private static void Write(Stream output, ulong at, ReadOnlySpan<byte> piece)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(head, at);
        BinaryPrimitives.WriteUInt32LittleEndian(head[sizeof(ulong)..], (uint)piece.Length);
        output.Write(head);
        output.Write(piece);
    }
}
