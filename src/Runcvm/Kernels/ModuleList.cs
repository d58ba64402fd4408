namespace Runcvm.Kernels;

/// <summary>Chooses, out of a kernel's module folder, the modules that boot needs, in the order in which they load.</summary>
internal static class ModuleList
{
    // What stands between the kernel and the root file system: buses, disks, console, network, file systems, vsock.
    // Checksums come before ext4, which asks the crypto layer for crc32c by name when it mounts.
    private static readonly string[] NeededToBoot =
    [
        "virtio_mmio", "virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "erofs",
        "crc32c_intel", "crc32c_generic", "ext4", "overlay", "vsock", "vmw_vsock_virtio_transport",
    ];

    /// <summary>Paths relative to the module folder, dependencies first. What is built in or does not exist is left
    /// out.</summary>
    public static List<string> ForBoot(string moduleFolder)
        => InLoadOrder(File.ReadLines(Path.Combine(moduleFolder, "modules.dep")), NeededToBoot);

    /// <summary>The <paramref name="wanted"/> modules with all they depend on.</summary>
    /// <param name="dependencies">lines of modules.dep: <c>path: path path</c>, where the last named loads first</param>
    /// <param name="wanted">module names</param>
    internal static List<string> InLoadOrder(IEnumerable<string> dependencies, IReadOnlyList<string> wanted)
    {
        var lines = new Dictionary<string, (string Path, string[] Needs)>();
        foreach (string line in dependencies)
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) continue;
            string path = line[..colon];
            lines[NameOf(path)] = (path, line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        var order = new List<string>();
        foreach (string name in wanted)
        {
            if (!lines.TryGetValue(name, out (string Path, string[] Needs) module)) continue;
            for (int i = module.Needs.Length - 1; i >= 0; i--) AddOnce(order, module.Needs[i]);
            AddOnce(order, module.Path);
        }

        return order;
    }

    /// <summary>The module's name as the kernel knows it: <c>kernel/arch/x86/crypto/crc32c-intel.ko</c> is crc32c_intel.</summary>
    internal static string NameOf(string path)
    {
        string file = Path.GetFileName(path);
        int dot = file.IndexOf('.', StringComparison.Ordinal);
        return (dot < 0 ? file : file[..dot]).Replace('-', '_');
    }

    private static void AddOnce(List<string> order, string path)
    {
        if (!order.Contains(path)) order.Add(path);
    }
}
