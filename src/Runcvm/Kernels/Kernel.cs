namespace Runcvm.Kernels;

/// <summary>A kernel of the store, ready to boot.</summary>
internal sealed record Kernel
{
    /// <summary>DIST/VERSION</summary>
    public required string Name { get; init; }

    /// <summary>The folder that holds all of it.</summary>
    public required string Folder { get; init; }

    /// <summary>What <c>uname -r</c> says when it runs.</summary>
    public required string Release { get; init; }

    /// <summary>The file that says <see cref="Release"/>.</summary>
    public string ReleasePath => Path.Combine(Folder, "release");

    /// <summary>The uncompressed kernel.</summary>
    public string VmlinuxPath => Path.Combine(Folder, "vmlinux");

    /// <summary>EROFS image whose root is the content of <c>/lib/modules/RELEASE</c>; null when everything is built in.</summary>
    public string? ModulesImagePath { get; init; }

    /// <summary>The indexes by which programs learn that what they ask for is built in; only where there is no image.</summary>
    public string ModuleIndexFolder => Path.Combine(Folder, "module-index");

    /// <summary>The modules without which no root file system can be reached, named in the order in which they load.</summary>
    public string BootModulesFolder => Path.Combine(Folder, "boot-modules");
}
