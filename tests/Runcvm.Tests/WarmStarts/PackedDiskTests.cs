using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Tests.Images;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public sealed class PackedDiskTests : IDisposable
{
    private const long Size = 64L << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_disk_comes_back_as_it_was_and_its_holes_take_nothing()
    {
        byte[] large = new byte[300_000];
        new Random(7).NextBytes(large);
        using SafeFileHandle disk = New("disk");
        FileDescriptor.SetLength(disk, Size);
        RandomAccess.Write(disk, large, 4096);
        RandomAccess.Write(disk, new byte[1 << 20], 10 << 20);
        RandomAccess.Write(disk, [1], Size - 1);
        using var packed = new MemoryStream();
        PackedDisk.Pack(disk, packed);
        Assert.InRange(packed.Length, large.Length, 700_000);

        packed.Position = 0;
        using SafeFileHandle copy = New("copy");
        PackedDisk.Unpack(packed, copy, Size);
        _folder.Shell("cmp disk copy");
        Assert.InRange(FileStatus.Of(copy).AllocatedBytes, 1u, 1u << 20);
    }

    [Theory]
    [InlineData(0UL, 0u, 0, "0 bytes at 0 are no piece")]
    [InlineData(0UL, 200_000u, 200_000, "200000 bytes at 0")]
    [InlineData((ulong)Size, 1u, 1, "are no piece of a disk")]
    [InlineData(ulong.MaxValue - 1, 2u, 2, "are no piece of a disk")]
    [InlineData(ulong.MaxValue, 1u, 1, "are no piece of a disk")]
    [InlineData(4096UL, 100u, 50, "ends too early")]
    [InlineData(4096UL, 100u, 100, "ends too early")]
    public void What_is_no_disk_of_that_size_is_refused(ulong at, uint length, int bytes, string reason)
        => Refused([.. Piece(at, length), .. new byte[bytes]], reason);

    [Fact]
    public void Pieces_come_in_their_order_and_nothing_behind_the_end()
    {
        byte[] piece = [.. Piece(4096, 4), 1, 2, 3, 4];
        Refused([.. piece, .. piece], "4 bytes at 4096 are no piece");
        Refused([.. piece, .. Piece(ulong.MaxValue, 0), 1], "more behind the end");
        Refused([], "ends too early");
        Refused(piece[..5], "ends too early");
    }

    private void Refused(byte[] packed, string reason)
    {
        using SafeFileHandle disk = New("refused");
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(
            () => PackedDisk.Unpack(new MemoryStream(packed), disk, Size));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        File.Delete(_folder.Path("refused"));
    }

    private static byte[] Piece(ulong at, uint length)
        => [.. BitConverter.GetBytes(at), .. BitConverter.GetBytes(length)];

    private SafeFileHandle New(string name) => FileDescriptor.Open(
        _folder.Path(name), OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, Permission.OwnersFile);
}
