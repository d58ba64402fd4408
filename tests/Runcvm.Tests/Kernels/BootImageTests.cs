using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public sealed class BootImageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // e_machine is 62 for x86-64.
    private static byte[] Elf => [0x7f, .. "ELF"u8, .. new byte[14], 62, 0, .. Enumerable.Range(0, 5000).Select(i => (byte)(i % 7))];

    [Theory]
    [InlineData("lz4", "-l -9 -c")]
    [InlineData("xz", "--check=crc32 -c")]
    [InlineData("xz", "--format=lzma -c")]
    [InlineData("zstd", "-19 -c")]
    public void Payloads_with_the_size_behind_them_are_unpacked(string tool, string options)
    {
        if (!File.Exists("/usr/bin/" + tool)) Assert.Skip($"{tool} is not installed");
        string plain = _folder.Write("plain", Elf);
        string packed = Path.Combine(_folder.Path, "packed");
        using (Process process = Process.Start("/bin/sh", ["-c", $"{tool} {options} < {plain} > {packed}"])) process.WaitForExit();
        byte[] size = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, Elf.Length);
        byte[] image = BzImage([.. File.ReadAllBytes(packed), .. size]);
        Assert.Equal(Elf, BootImage.Unpack(image, _folder.Path, "vmlinuz", Architecture.X64));
    }

    [Fact]
    public void A_gzip_payload_is_unpacked_here() => Assert.Equal(Elf, BootImage.Unpack(BzImage(Gzip(Elf)), _folder.Path, "vmlinuz", Architecture.X64));

    [Fact]
    public void An_arm64_image_is_found_bare_and_packed_and_in_a_zboot_file()
    {
        byte[] image = new byte[200];
        "ARM\x64"u8.CopyTo(image.AsSpan(56));
        byte[] packed = Gzip(image);
        byte[] zboot = [.. "MZ\0\0zimg"u8, 64, 0, 0, 0, (byte)packed.Length, 0, 0, 0, .. new byte[48], .. packed, 1, 2, 3];
        Assert.Equal(image, BootImage.Unpack(image, _folder.Path, "vmlinuz", Architecture.Arm64));
        Assert.Equal(image, BootImage.Unpack(packed, _folder.Path, "vmlinuz", Architecture.Arm64));
        Assert.Equal(image, BootImage.Unpack(zboot, _folder.Path, "vmlinuz", Architecture.Arm64));
    }

    [Fact]
    public void A_unified_image_gives_its_kernel()
    {
        byte[] kernel = BzImage(Gzip(Elf));
        Assert.Equal(Elf, BootImage.Unpack(Unified(kernel, 512), _folder.Path, "vmlinuz.efi", Architecture.X64));
        byte[] cut = Unified(kernel, 512)[..600];
        Assert.Contains("vmlinuz.efi is cut short",
            Assert.Throws<UsageException>(
                () => BootImage.Unpack(cut, _folder.Path, "vmlinuz.efi", Architecture.X64)).Message);
    }

    [Theory]
    [InlineData(0x3c, 0xff)]
    [InlineData(0x3f, 0x7f)]
    [InlineData(0x46, 0xff)]
    [InlineData(0x55, 0xff)]
    public void A_unified_image_with_headers_beyond_its_end_is_no_kernel(int offset, byte value)
    {
        byte[] file = Unified(BzImage(Gzip(Elf)), 512);
        file[offset] = value;
        file.AsSpan(0x58, 0x50).Clear();
        Assert.Throws<UsageException>(() => BootImage.Unpack(file, _folder.Path, "vmlinuz.efi", Architecture.X64));
    }

    // DOS header, PE header at 0x40, no optional header, two sections of 40 bytes, the second of them .linux.
    private static byte[] Unified(byte[] kernel, int place)
    {
        byte[] file = new byte[place + kernel.Length + 100];
        "MZ"u8.CopyTo(file);
        file[0x3c] = 0x40;
        "PE\0\0"u8.CopyTo(file.AsSpan(0x40));
        file[0x46] = 2;
        ".uname\0"u8.CopyTo(file.AsSpan(0x58));
        Span<byte> section = file.AsSpan(0x80, 40);
        ".linux\0"u8.CopyTo(section);
        BinaryPrimitives.WriteInt32LittleEndian(section[8..], kernel.Length);
        BinaryPrimitives.WriteInt32LittleEndian(section[16..], kernel.Length + 100);
        BinaryPrimitives.WriteInt32LittleEndian(section[20..], place);
        kernel.CopyTo(file.AsSpan(place));
        return file;
    }

    [Fact]
    public void What_is_no_kernel_is_refused_by_name()
    {
        foreach (byte[] bytes in (byte[][])[[], [1, 2, 3], new byte[5000], BzImage([1, 2, 3, 4, 5, 6, 7, 8]), BzImage(Gzip("text"u8.ToArray()))])
            Assert.Contains("vmlinuz", Assert.Throws<UsageException>(() => BootImage.Unpack(bytes, _folder.Path, "vmlinuz", Architecture.X64)).Message);
        byte[] cut = BzImage(Gzip(Elf))[..^60];
        Assert.Contains("cut short", Assert.Throws<UsageException>(() => BootImage.Unpack(cut, _folder.Path, "vmlinuz", Architecture.X64)).Message);
    }

    [Fact]
    public void The_entry_note_is_found_among_others()
    {
        byte[] other = Note(6, "Xen\0", 8);
        byte[] wrongName = Note(18, "GNU\0", 8);
        Assert.True(PvhNote.IsIn(ElfWithNotes([.. other, .. wrongName, .. Note(18, "Xen\0", 4)])));
        Assert.False(PvhNote.IsIn(ElfWithNotes([.. other, .. wrongName])));
        Assert.False(PvhNote.IsIn(ElfWithNotes([.. other, .. Note(18, "Xen\0", 4)]).AsSpan()[..^20]));
        Assert.False(PvhNote.IsIn(Elf.AsSpan(0, 30)));
    }

    private static byte[] BzImage(byte[] payload)
    {
        const int SetupSectors = 3;
        const int Offset = 100;
        byte[] image = new byte[((SetupSectors + 1) * 512) + Offset + payload.Length + 50];
        image[0x1f1] = SetupSectors;
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x206), 0x20f);
        BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(0x248), Offset);
        BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(0x24c), payload.Length);
        payload.CopyTo(image, ((SetupSectors + 1) * 512) + Offset);
        return image;
    }

    private static byte[] Gzip(byte[] data)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(data);
        return packed.ToArray();
    }

    private static byte[] Note(int type, string name, int contentSize)
    {
        byte[] note = new byte[12 + 4 + contentSize];
        BinaryPrimitives.WriteInt32LittleEndian(note, name.Length);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(4), contentSize);
        BinaryPrimitives.WriteInt32LittleEndian(note.AsSpan(8), type);
        System.Text.Encoding.ASCII.GetBytes(name, note.AsSpan(12));
        return note;
    }

    private static byte[] ElfWithNotes(byte[] notes)
    {
        byte[] header = new byte[64 + 56];
        Elf.AsSpan(0, 4).CopyTo(header);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), 64);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(56), 1);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(64), 4);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(64 + 8), header.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(64 + 32), notes.Length);
        return [.. header, .. notes];
    }
}
