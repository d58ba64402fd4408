using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Where the parts of a kernel lie below a root folder: an unpacked package, an image, or this host. The root may be
/// a stranger's, so every path is resolved beneath it and every size has a limit.</summary>
internal sealed class KernelFiles : IDisposable
{
    // The largest unstripped distribution kernels have less than 100 MB; a config has 300 kB.
    private const int ImageAtMost = 256 << 20;
    private const int ConfigAtMost = 4 << 20;

    private readonly SafeFileHandle _root;
    private readonly string _image;

    private KernelFiles(SafeFileHandle root, string image, string release)
    {
        _root = root;
        _image = image;
        Release = release;
    }

    /// <summary>What <c>uname -r</c> will say.</summary>
    public string Release { get; }

    /// <summary>The kernel's file, relative to the root.</summary>
    public string ImageName => _image;

    /// <summary>The newest kernel below the folder, see <see cref="KernelSearch"/>; null where there is none.</summary>
    /// <param name="folder">the root folder</param>
    /// <param name="count">how many releases there are</param>
    public static KernelFiles? TryFind(string folder, out int count)
    {
        SafeFileHandle root = FileDescriptor.Open(folder, OpenFlags.Path | OpenFlags.Directory);
        List<(string Image, string Release)> found = KernelSearch.In(root);
        count = found.Count;
        if (count > 0)
        {
            (string image, string release) = found.MaxBy(static f => f.Release, VersionOrder.OfTexts);
            return new KernelFiles(root, image, release);
        }

        root.Dispose();
        return null;
    }

    /// <summary>Whether it lies in the folder of its modules and not in <c>boot</c>.</summary>
    public bool IsBesideModules => !_image.StartsWith("boot/", StringComparison.Ordinal);

    /// <summary>What tells this kernel from any other without reading it: inode, size and both times.</summary>
    public FileStatus Identity()
    {
        using SafeFileHandle file = OpenRegular(_image) ?? throw Vanished();
        return StatusOf(file);
    }

    public byte[] ReadImage() => TryRead(_image, ImageAtMost) ?? throw Vanished();

    /// <summary>Null where the kernel came without.</summary>
    public byte[]? TryReadConfig()
        => TryRead("boot/config-" + Release, ConfigAtMost)
            ?? TryRead($"lib/modules/{Release}/config", ConfigAtMost)
            ?? TryRead($"usr/lib/modules/{Release}/config", ConfigAtMost);

    /// <summary>The folder of its modules; null for a kernel that has everything built in.</summary>
    public SafeFileHandle? TryOpenModules()
    {
        foreach (string lib in (ReadOnlySpan<string>)["lib", "usr/lib"])
        {
            SafeFileHandle? folder = FileDescriptor.TryOpenInRoot(_root, $"{lib}/modules/{Release}", OpenFlags.Path | OpenFlags.Directory);
            using SafeFileHandle? kernel = FileDescriptor.TryOpenInRoot(_root, $"{lib}/modules/{Release}/kernel", OpenFlags.Path | OpenFlags.Directory);
            if (folder is not null && kernel is not null) return folder;
            folder?.Dispose();
        }

        return null;
    }

    public void Dispose() => _root.Dispose();

    private SafeFileHandle? OpenRegular(string path)
    {
        // A pipe must not keep this waiting for its writer.
        SafeFileHandle? file = FileDescriptor.TryOpenInRoot(_root, path, OpenFlags.ReadOnly | OpenFlags.NonBlocking);
        if (file is null || StatusOf(file).Kind == FileKind.Regular) return file;
        file.Dispose();
        return null;
    }

    private byte[]? TryRead(string path, int atMost)
    {
        using SafeFileHandle? file = OpenRegular(path);
        if (file is null) return null;
        ulong size = StatusOf(file).Size;
        if (size > (ulong)atMost) throw new UsageException($"{path} is no part of a kernel: it has {size} bytes");
        byte[] content = new byte[size];
        int read = 0;
        while (read < content.Length && RandomAccess.Read(file, content.AsSpan(read), read) is > 0 and var some) read += some;
        return content[..read];
    }

    private static FileStatus StatusOf(SafeFileHandle file) => FileStatus.TryOf(FileDescriptor.PathOf(file), followLinks: true)!.Value;

    private UsageException Vanished() => new($"{_image} is no file that can be read");
}
