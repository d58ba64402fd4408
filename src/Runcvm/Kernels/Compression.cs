namespace Runcvm.Kernels;

/// <summary>The formats in which distributions pack kernels and modules.</summary>
internal enum Compression
{
    None,
    Gzip,
    Xz,
    Lzma,
    Zstd,
    Lz4Legacy,
}
