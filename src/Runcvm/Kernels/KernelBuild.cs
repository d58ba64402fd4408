using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Builds the tuned kernel from the distribution's source package, whose origin apt has verified, and the configuration
/// that is kept in <c>kernel/</c> of the project and carried in this program.</summary>
internal static class KernelBuild
{
    // The release for which the configuration was written and tried.
    private const string SourcePackage = "linux-source-6.12";

    private static readonly string[] Patches = ["early-clock.patch", "init-memory.patch", "local-timer.patch", "terminals.patch"];

    // The build compiles a checker of its own with it, on x86-64.
    private const string CheckerPackage = "libelf-dev";

    private static readonly (string Program, string Package)[] Programs =
    [
        ("make", "make"), ("gcc", "gcc"), ("ld", "binutils"), ("flex", "flex"), ("bison", "bison"), ("bc", "bc"), ("tar", "tar"),
        ("xz", "xz-utils"), ("patch", "patch"), ("depmod", "kmod"), ("dpkg-deb", "dpkg"), ("perl", "perl"),
    ];

    /// <summary>Builds it and makes it <c>runcvm/VERSION</c> of the store, or <c>runcvm-tcg/VERSION</c>.</summary>
    /// <param name="store">where to</param>
    /// <param name="emulated">for emulated machines (TCG)</param>
    /// <param name="source">a kernel source tree, which is taken as it is, or its archive; null for the distribution's package</param>
    /// <param name="folder">where to build: 2.5 GB, and kept; null for a folder that is removed afterwards</param>
    /// <param name="output">what is going on</param>
    public static Kernel Run(KernelStore store, bool emulated, string? source, string? folder, TextWriter output)
    {
        CheckPrograms();
        string work = folder ?? Directory.CreateTempSubdirectory("runcvm-kernel-").FullName;
        Node.MakeDirectory(work);
        try
        {
            string tree = Source(source, work, output);
            string built = Path.Combine(work, "build");
            Node.MakeDirectory(built);
            Configure(tree, built, emulated);
            var clock = Stopwatch.StartNew();
            output.WriteLine($"building with {Environment.ProcessorCount} jobs; two cores take about ten minutes");
            Make(tree, built, $"-j{Environment.ProcessorCount}", IsX64 ? "vmlinux" : "Image");
            output.WriteLine($"built in {clock.Elapsed.TotalMinutes:F1} minutes");
            // On arm64 there is one for both.
            return Install(store, emulated && IsX64 ? KernelStore.EmulatedDist : KernelStore.TunedDist, tree, built);
        }
        finally
        {
            if (folder is null) Directory.Delete(work, recursive: true);
        }
    }

    /// <summary>Debian's packages with what a build on x86-64 takes.</summary>
    internal static IEnumerable<string> Packages => Programs.Select(static p => p.Package).Append(CheckerPackage);

    /// <summary>The fragments for an architecture, as they lie in <c>kernel/</c>.</summary>
    internal static KernelConfig Wanted(bool x64, bool emulated) => new(FragmentText(x64, emulated).Split('\n'));

    private static bool IsX64 => RuntimeInformation.OSArchitecture == Architecture.X64;

    private static string FragmentText(bool x64, bool emulated)
        => Carried("common.config") + (x64 ? Carried("x86-64.config") + Carried(emulated ? "x86-64-tcg.config" : "x86-64-kvm.config") : Carried("arm64.config"));

    private static string Carried(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static void CheckPrograms()
    {
        List<string> missing = [.. Programs.Where(static p => Linux.Processes.ProgramPath.TryFind(p.Program) is null).Select(static p => p.Package)];
        if (IsX64 && !File.Exists("/usr/include/libelf.h")) missing.Add(CheckerPackage);
        if (missing.Count > 0) throw new UsageException($"building a kernel needs more programs: run 'apt-get install {string.Join(' ', missing)}'");
    }

    private static string Source(string? source, string work, TextWriter output)
    {
        if (source is not null && Directory.Exists(source)) return Path.GetFullPath(source);
        if (source is not null && !File.Exists(source)) throw new UsageException($"there is no {source}");
        string tree = Path.Combine(work, "source");
        if (Directory.Exists(tree)) Directory.Delete(tree, recursive: true);
        Node.MakeDirectory(tree);
        string archive = source ?? Download(work, output);
        output.WriteLine($"unpacking {Path.GetFileName(archive)}");
        Tool.Run("tar", "-x", "-f", archive, "-C", tree, "--strip-components=1");
        foreach (string name in Patches)
        {
            string patch = Path.Combine(work, name);
            File.WriteAllText(patch, Carried(name));
            Tool.Run("patch", "--strip=1", "--forward", "--quiet", "-d", tree, "-i", patch);
        }

        return tree;
    }

    private static string Download(string work, TextWriter output)
    {
        output.WriteLine($"getting {SourcePackage} with apt");
        if (Tool.TryRun("apt-cache", "show", "--no-all-versions", SourcePackage) is null)
        {
            throw new UsageException($"apt knows no {SourcePackage} (on Debian 12 it is in bookworm-backports and bookworm-security): run 'apt-get update', "
                + "or give the sources with --source FOLDER|ARCHIVE");
        }

        foreach (string old in Directory.GetFiles(work, SourcePackage + "_*.deb")) File.Delete(old);
        Tool.RunIn(work, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", SourcePackage);
        Tool.Run("dpkg-deb", "-x", Directory.GetFiles(work, SourcePackage + "_*.deb").Single(), Path.Combine(work, "package"));
        return Path.Combine(work, "package/usr/src", SourcePackage + ".tar.xz");
    }

    private static void Configure(string tree, string built, bool emulated)
    {
        string fragments = Path.Combine(built, "wanted.config");
        File.WriteAllText(fragments, FragmentText(IsX64, emulated));
        Make(tree, built, "KCONFIG_ALLCONFIG=" + fragments, "allnoconfig");
        var got = new KernelConfig(File.ReadLines(Path.Combine(built, ".config")));
        List<string> ignored = got.DifferencesFrom(Wanted(IsX64, emulated));
        if (ignored.Count > 0)
            throw new UsageException($"this kernel source does not take {string.Join(", ", ignored)}: it is another release than {SourcePackage}, or a dependency is missing in kernel/*.config");
        KernelNeeds.Check(got, "this configuration", RuntimeInformation.OSArchitecture);
    }

    private static void Make(string tree, string built, params string[] arguments)
        => Tool.Run("make", ["-s", "-C", tree, "O=" + built, "KBUILD_BUILD_USER=runcvm", "KBUILD_BUILD_HOST=runcvm", .. arguments]);

    private static Kernel Install(KernelStore store, string dist, string tree, string built)
    {
        string release = File.ReadAllText(Path.Combine(built, "include/config/kernel.release")).Trim();
        using var work = new KernelWork(store);
        string folder = Path.Combine(work.Folder, "kernel");
        Node.MakeDirectory(folder);
        byte[] image = IsX64
            ? ElfPacking.Pack(File.ReadAllBytes(Path.Combine(built, "vmlinux")))
            : File.ReadAllBytes(Path.Combine(built, "arch/arm64/boot/Image"));
        KernelWork.WriteImage(image, "the built kernel", folder);
        File.Copy(Path.Combine(built, ".config"), Path.Combine(folder, "config"));
        MakeIndex(built, release, work.Folder, Path.Combine(folder, "module-index"));
        string version = Tool.Run("make", "-s", "-C", tree, "O=" + built, "kernelversion").Trim();
        return work.Publish(folder, dist, version, release);
    }

    /// <summary>So that <c>modprobe overlay</c> in an image says "it is there", and not "no such folder".</summary>
    private static void MakeIndex(string built, string release, string work, string target)
    {
        string modules = Path.Combine(work, "lib/modules", release);
        Node.MakeDirectory(modules);
        Directory.CreateSymbolicLink(Path.Combine(work, "usr"), ".");
        foreach (string name in (ReadOnlySpan<string>)["modules.builtin", "modules.builtin.modinfo"])
            File.Copy(Path.Combine(built, name), Path.Combine(modules, name));
        File.WriteAllText(Path.Combine(modules, "modules.order"), "");
        Tool.Run("depmod", "-b", work, release);
        Directory.Move(modules, target);
    }
}
