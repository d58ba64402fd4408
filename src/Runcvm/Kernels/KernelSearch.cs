using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Finds the kernels below a root folder, where the distributions put them.</summary>
internal static class KernelSearch
{
    /// <summary>The places, for messages.</summary>
    public const string Places =
        "boot/vmlinuz-RELEASE, lib/modules/RELEASE/vmlinuz, and boot/vmlinuz-FLAVOUR with its lib/modules";

    private static readonly string[] ModuleFolders = ["lib/modules", "usr/lib/modules"];

    // Fedora keeps its unified kernel image beside the plain kernel, which is smaller.
    private static readonly string[] BesideModules = ["vmlinuz", "vmlinuz.efi", "Image", "vmlinuz-virt.efi"];

    /// <summary>One of each release, in no order: that of <c>boot</c> where a kernel lies in both places.</summary>
    /// <param name="root">the root folder; every path is resolved beneath it</param>
    public static List<(string Image, string Release)> In(SafeFileHandle root)
    {
        List<(string Folder, string Release)> modules =
            [.. ModuleFolders.SelectMany(f => Names(root, f).Select(name => (f, name)))];
        var found = new List<(string Image, string Release)>();
        foreach (string name in Names(root, "boot"))
            if (ReleaseOf(name, modules) is { } release) Add(found, "boot/" + name, release);
        foreach ((string folder, string release) in modules)
            if (Beside(root, $"{folder}/{release}") is { } image) Add(found, image, release);
        return found;
    }

    private static void Add(List<(string Image, string Release)> found, string image, string release)
    {
        if (KernelStore.IsName(release) && !found.Exists(f => f.Release == release)) found.Add((image, release));
    }

    /// <summary>Debian and Fedora have <c>boot/vmlinuz-RELEASE</c>, Alpine has <c>boot/vmlinuz-FLAVOUR</c> and
    /// <c>lib/modules/VERSION-FLAVOUR</c>.</summary>
    private static string? ReleaseOf(string name, List<(string Folder, string Release)> modules)
    {
        int dash = name.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || name[..dash] is not ("vmlinuz" or "vmlinux" or "Image")) return null;
        string suffix = name[(dash + 1)..];
        // Fedora's rescue kernel is a copy of one that has its own name: vmlinuz-0-rescue-MACHINE.
        if (suffix.StartsWith("0-rescue-", StringComparison.Ordinal)) return null;
        if (char.IsAsciiDigit(suffix.FirstOrDefault())) return suffix;
        return modules.Select(static m => m.Release).Where(r => r.EndsWith("-" + suffix, StringComparison.Ordinal))
            .Order(VersionOrder.OfTexts).LastOrDefault();
    }

    /// <summary>Debian since 6.19, Fedora, Arch and openSUSE have the kernel in the folder of its modules.</summary>
    private static string? Beside(SafeFileHandle root, string folder)
    {
        string[] names = [.. Names(root, folder)];
        return BesideModules.FirstOrDefault(names.Contains) is { } name ? $"{folder}/{name}" : null;
    }

    private static IEnumerable<string> Names(SafeFileHandle root, string folder)
    {
        using SafeFileHandle? opened = FileDescriptor.TryOpenInRoot(root, folder, OpenFlags.Path | OpenFlags.Directory);
        if (opened is null) return [];
        string path = FileDescriptor.PathOf(opened);
        return [.. Directory.EnumerateFileSystemEntries(path).Select(static entry => Path.GetFileName(entry))];
    }
}
