using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Runcvm.Options;

namespace Runcvm.Kernels;

/// <summary>Gets the bare kernel, which is what the hypervisors load, out of the file that a distribution ships.</summary>
internal static class BootImage
{
    // Offsets of the setup header: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
    private const int SetupSectors = 0x1f1;
    private const int HeaderMagic = 0x202;
    private const int ProtocolVersion = 0x206;
    private const int PayloadOffset = 0x248;
    private const int PayloadLength = 0x24c;

    // drivers/firmware/efi/libstub/zboot-header.S
    private const int ZbootMagic = 4;
    private const int ZbootPayloadOffset = 8;
    private const int ZbootPayloadSize = 12;

    // Documentation/arch/arm64/booting.rst
    private const int Arm64Magic = 56;

    // e_machine and its numbers: elf.h
    private const int ElfMachine = 18;
    private const int ElfX64 = 62;

    /// <summary>The kernel inside: an ELF file for x86-64, an "Image" for arm64.</summary>
    /// <param name="file">what the distribution ships</param>
    /// <param name="workFolder">for what is unpacked by other programs</param>
    /// <param name="name">of the file, for messages</param>
    /// <param name="machine">the processors that the kernel has to be for</param>
    public static byte[] Unpack(ReadOnlySpan<byte> file, string workFolder, string name, Architecture machine)
    {
        ReadOnlySpan<byte> payload = Payload(UnifiedImage.TryKernel(file, name, out var inner) ? inner : file, name);
        byte[] kernel = Decompression.Unpack(payload, Decompression.Detect(payload), workFolder);
        Architecture made = ArchitectureOf(kernel)
            ?? throw new UsageException($"{name} is no kernel for this machine: it holds neither an x86-64 ELF file nor an arm64 Image");
        if (made == machine) return kernel;
        throw new UsageException($"{name} is a kernel for {ProcessorName.Of(made)}, and the machines of this host are {ProcessorName.Of(machine)}: take the kernel of that architecture");
    }

    /// <summary>The part of the file that is the (mostly compressed) kernel.</summary>
    internal static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> file, string name)
    {
        if (IsElf(file) || Decompression.Detect(file) != Compression.None) return file;
        if (At(file, ZbootMagic).StartsWith("zimg"u8))
            return Slice(file, UInt32(file, ZbootPayloadOffset), UInt32(file, ZbootPayloadSize), name);
        if (IsArm64Image(file)) return file;
        if (!At(file, HeaderMagic).StartsWith("HdrS"u8)) throw new UsageException($"{name} is no kernel: it has no boot header");
        if (At(file, PayloadLength).Length < 4 || BinaryPrimitives.ReadUInt16LittleEndian(At(file, ProtocolVersion)) < 0x208)
            throw new UsageException($"{name} is too old: only boot protocol 2.08 and later say where the kernel lies in it");
        // "For backwards compatibility, if the setup_sects field contains 0, the real value is 4."
        int sectors = file[SetupSectors] == 0 ? 4 : file[SetupSectors];
        long start = ((sectors + 1) * 512L) + UInt32(file, PayloadOffset);
        ReadOnlySpan<byte> payload = Slice(file, start, UInt32(file, PayloadLength), name);
        // Of all formats only gzip carries its unpacked size; the kernel's build appends it to the others.
        return Decompression.Detect(payload) is Compression.Gzip or Compression.None ? payload : payload[..^4];
    }

    private static Architecture? ArchitectureOf(ReadOnlySpan<byte> kernel)
    {
        if (IsArm64Image(kernel)) return Architecture.Arm64;
        bool x64 = IsElf(kernel) && kernel.Length > ElfMachine + 1 && BinaryPrimitives.ReadUInt16LittleEndian(kernel[ElfMachine..]) == ElfX64;
        return x64 ? Architecture.X64 : null;
    }

    internal static bool IsElf(ReadOnlySpan<byte> data) => data.StartsWith("\x7f"u8) && At(data, 1).StartsWith("ELF"u8);

    private static bool IsArm64Image(ReadOnlySpan<byte> data) => At(data, Arm64Magic).StartsWith("ARM\x64"u8);

    private static ReadOnlySpan<byte> At(ReadOnlySpan<byte> data, int offset) => offset <= data.Length ? data[offset..] : [];

    private static uint UInt32(ReadOnlySpan<byte> data, int offset)
        => BinaryPrimitives.ReadUInt32LittleEndian(data[offset..]);

    internal static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> file, long start, long length, string name)
    {
        if (length < 4 || start + length > file.Length)
            throw new UsageException($"{name} is cut short: its header places the kernel at {start} with {length} bytes");
        return file.Slice((int)start, (int)length);
    }
}
