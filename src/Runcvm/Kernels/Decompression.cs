using System.IO.Compression;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

internal static class Decompression
{
    // Distribution kernels unpack to 60 MB at most.
    private const long UnpackedAtMost = 512 << 20;

    public static Compression Detect(ReadOnlySpan<byte> data)
    {
        if (data.StartsWith<byte>([0x1f, 0x8b])) return Compression.Gzip;
        if (data.StartsWith<byte>([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])) return Compression.Xz;
        if (data.StartsWith<byte>([0x28, 0xb5, 0x2f, 0xfd])) return Compression.Zstd;
        if (data.StartsWith<byte>([0x02, 0x21, 0x4c, 0x18])) return Compression.Lz4Legacy;
        // lzma has no magic: this is its usual property byte and the low bytes of a dictionary size.
        if (data.StartsWith<byte>([0x5d, 0x00, 0x00])) return Compression.Lzma;
        return Compression.None;
    }

    /// <summary>Unpacks <paramref name="data"/>. .NET knows gzip; for the others a tool of the host is run.</summary>
    /// <param name="data">nothing but the packed data: the tools stumble over bytes behind it</param>
    /// <param name="compression">how it is packed</param>
    /// <param name="workFolder">where the tools' input and output may lie for a moment</param>
    public static byte[] Unpack(ReadOnlySpan<byte> data, Compression compression, string workFolder)
    {
        if (compression == Compression.None) return data.ToArray();
        if (compression == Compression.Gzip) return Gunzip(data);
        // Of its own, for the tools may write there.
        string folder = Path.Combine(workFolder, "payload");
        Node.MakeDirectory(folder);
        string packed = Path.Combine(folder, "payload" + Suffix(compression));
        string unpacked = Path.Combine(folder, "payload");
        File.WriteAllBytes(packed, data);
        RunTool(compression, folder, packed, unpacked);
        byte[] result = File.ReadAllBytes(unpacked);
        TreeRemoval.Remove(folder);
        return result;
    }

    private static byte[] Gunzip(ReadOnlySpan<byte> data)
    {
        using var packed = new MemoryStream(data.ToArray());
        using var gzip = new GZipStream(packed, CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        byte[] some = new byte[64 * 1024];
        while (gzip.Read(some) is > 0 and var length)
        {
            if (unpacked.Length > UnpackedAtMost) throw new UsageException($"the kernel unpacks to more than {UnpackedAtMost >> 20} MiB");
            unpacked.Write(some, 0, length);
        }

        return unpacked.ToArray();
    }

    private static void RunTool(Compression compression, string folder, string packed, string unpacked)
    {
        switch (compression)
        {
            case Compression.Xz:
            case Compression.Lzma:
                // xz takes the output's name from the input's suffix.
                Tool.RunBounded(
                    folder, UnpackedAtMost, "xz", "--decompress", "--keep", "--force", "--quiet", packed);
                break;
            case Compression.Zstd:
                // Kernels are packed with windows larger than zstd accepts unasked.
                Tool.RunBounded(
                    folder, UnpackedAtMost, "zstd", "--decompress", "--force", "--quiet", "--long=31", "-o", unpacked,
                    packed);
                break;
            default:
                Tool.RunBounded(folder, UnpackedAtMost, "lz4", "-d", "-f", "-q", packed, unpacked);
                break;
        }
    }

    private static string Suffix(Compression compression) => compression switch
    {
        Compression.Xz => ".xz",
        Compression.Lzma => ".lzma",
        Compression.Zstd => ".zst",
        _ => ".lz4",
    };
}
