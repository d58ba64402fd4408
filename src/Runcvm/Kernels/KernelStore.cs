using System.Runtime.InteropServices;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>The kernels of this host: <c>ROOT/DIST/VERSION/{vmlinux,config,modules.erofs,release,boot-modules}</c>.</summary>
/// <param name="root">its folder</param>
/// <param name="machine">the processors that its kernels are for</param>
internal sealed class KernelStore(string root, Architecture machine)
{
    /// <summary>Under which the kernels are kept that RunCVM built itself, and which are preferred.</summary>
    public const string TunedDist = "runcvm";

    /// <summary>The same for machines that are emulated, built without what only protects a processor that runs the guest itself.</summary>
    public const string EmulatedDist = "runcvm-tcg";

    /// <summary>The processors that its kernels are for.</summary>
    public Architecture Machine => machine;

    public string Root { get; } = root.Length > 1 ? root.TrimEnd('/') : root;

    /// <summary>The file (or link) that names the kernel to take when the user names none.</summary>
    public string DefaultPath => Path.Combine(Root, "default");

    /// <summary>The kernel that <c>RUNCVM_KERNEL</c> asks for. Every start of a machine comes by here, so this looks at a
    /// few directory entries and reads one line.</summary>
    /// <param name="choice">null or empty for the default, DIST, DIST/VERSION, or the path of a kernel's folder</param>
    /// <param name="emulated">the machine's processors are emulated (TCG)</param>
    public Kernel Find(string? choice, bool emulated = false)
    {
        if (!string.IsNullOrEmpty(choice)) return Fitting(Choose(choice, "RUNCVM_KERNEL"), emulated, "RUNCVM_KERNEL");
        if (DefaultChoice() is { } name) return Fitting(Choose(name, DefaultPath), emulated, DefaultPath);
        return (emulated ? Newest(EmulatedDist) : null) ?? Newest(TunedDist) ?? Newest(null) ?? throw NoKernel();
    }

    /// <summary>As <see cref="Find"/> for a choice that is not empty.</summary>
    /// <param name="choice">DIST, DIST/VERSION, or the path of a kernel's folder</param>
    /// <param name="source">who chose it, for the message</param>
    public Kernel Choose(string choice, string source)
    {
        string name = choice;
        if (choice.StartsWith('/'))
        {
            if (!choice.StartsWith(Root + "/", StringComparison.Ordinal)) throw Malformed(choice, source);
            name = choice[(Root.Length + 1)..].TrimEnd('/');
        }

        string[] parts = name.Split('/');
        bool wellFormed = parts.Length == 2 || (parts.Length == 1 && name == choice);
        if (!wellFormed || !Array.TrueForAll(parts, IsName)) throw Malformed(choice, source);
        Kernel? kernel = parts.Length == 2 ? TryOpen(parts[0], parts[1]) : Newest(parts[0]);
        return kernel ?? throw Absent(choice, source);
    }

    /// <summary>All kernels, the newest first.</summary>
    public List<Kernel> All()
    {
        var all = new List<Kernel>();
        foreach (string dist in FoldersIn(Root))
            foreach (string version in FoldersIn(Path.Combine(Root, dist)))
                if (TryOpen(dist, version) is { } kernel) all.Add(kernel);
        all.Sort((a, b) => -Compare(a.Name, b.Name));
        return all;
    }

    /// <summary>What <see cref="DefaultPath"/> says, or null where it says nothing.</summary>
    public string? DefaultChoice()
    {
        if (FileStatus.TryOf(DefaultPath) is not { } status) return null;
        string? text = status.Kind == FileKind.Link ? new FileInfo(DefaultPath).LinkTarget : File.ReadAllText(DefaultPath).Trim();
        return string.IsNullOrEmpty(text) ? null : text;
    }

    /// <summary>Whether a part of a kernel's name is one: no separators, and nothing hidden, which excludes "..".</summary>
    public static bool IsName(string part)
    {
        if (part.Length == 0 || part[0] == '.') return false;
        foreach (char c in part)
            if (!char.IsAsciiLetterOrDigit(c) && !"._+~-".Contains(c)) return false;
        return true;
    }

    private static Kernel Fitting(Kernel kernel, bool emulated, string source)
    {
        if (emulated || !IsEmulatedOnly(kernel.Name)) return kernel;
        throw new UsageException(
            $"{source} asks for the kernel {kernel.Name}, which has no defence against leaks of a real processor and is for emulated machines (RUNCVM_ACCEL=tcg); "
            + "take another, or build one with 'runcvm kernel build --for kvm'");
    }

    private static bool IsEmulatedOnly(string name) => name.StartsWith(EmulatedDist + "/", StringComparison.Ordinal);

    // Null: of all, but for those that fit emulated machines only.
    private Kernel? Newest(string? dist)
    {
        string? newest = null;
        foreach (string d in dist is null ? FoldersIn(Root).Where(static name => name != EmulatedDist) : [dist])
        {
            foreach (string version in FoldersIn(Path.Combine(Root, d)))
            {
                string name = $"{d}/{version}";
                if ((newest is null || Compare(name, newest) > 0) && TryOpen(d, version) is not null) newest = name;
            }
        }

        return newest is null ? null : TryOpen(newest[..newest.IndexOf('/')], newest[(newest.IndexOf('/') + 1)..]);
    }

    /// <summary>The kernel of that name, or null. Links are not followed, at either level: they could lead out of the store.</summary>
    public Kernel? TryOpen(string dist, string version)
    {
        string folder = Path.Combine(Root, dist, version);
        if (FileStatus.TryOf(Path.Combine(Root, dist)) is not { Kind: FileKind.Directory }) return null;
        if (FileStatus.TryOf(folder) is not { Kind: FileKind.Directory }) return null;
        if (FileStatus.TryOf(Path.Combine(folder, "vmlinux")) is not { Kind: FileKind.Regular }) return null;
        string release = Path.Combine(folder, "release");
        if (FileStatus.TryOf(release) is not { Kind: FileKind.Regular }) return null;
        string modules = Path.Combine(folder, "modules.erofs");
        return new Kernel
        {
            Name = $"{dist}/{version}",
            Folder = folder,
            Release = File.ReadAllText(release).Trim(),
            ModulesImagePath = FileStatus.TryOf(modules) is { Kind: FileKind.Regular } ? modules : null,
        };
    }

    private static List<string> FoldersIn(string path)
    {
        var names = new List<string>();
        if (FileStatus.TryOf(path, followLinks: true) is not { Kind: FileKind.Directory }) return names;
        foreach (string entry in Directory.EnumerateDirectories(path))
        {
            string name = Path.GetFileName(entry);
            if (IsName(name)) names.Add(name);
        }

        return names;
    }

    private static int Compare(string a, string b)
    {
        int byVersion = VersionOrder.Compare(a.AsSpan(a.IndexOf('/') + 1), b.AsSpan(b.IndexOf('/') + 1));
        return byVersion != 0 ? byVersion : string.CompareOrdinal(a, b);
    }

    private UsageException NoKernel() => new($"there is no kernel in {Root}: get one with 'runcvm kernel add debian'");

    private UsageException Malformed(string choice, string source)
        => new($"{source} must be DIST, DIST/VERSION or a kernel's folder in {Root}, not '{choice}'; {WhatIsThere()}");

    private UsageException Absent(string choice, string source)
        => new($"{source} asks for the kernel '{choice}', which is not in {Root}; {WhatIsThere()}");

    private string WhatIsThere()
    {
        List<Kernel> all = All();
        return all.Count == 0
            ? "there is none at all: get one with 'runcvm kernel add debian'"
            : $"there is {string.Join(", ", all.ConvertAll(k => k.Name))}";
    }
}
