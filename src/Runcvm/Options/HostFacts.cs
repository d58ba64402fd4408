using System.Runtime.InteropServices;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Options;

/// <summary>What the host has that options depend on.</summary>
/// <param name="Cpus">CPUs that are online</param>
/// <param name="KvmIsReal">KVM rests on the CPU's own virtualization, so that a guest runs well under it</param>
/// <param name="Firecracker">null where there is none</param>
/// <param name="QemuPath">null where there is none</param>
/// <param name="KvmExists">there is a /dev/kvm, real or not</param>
internal sealed record HostFacts(int Cpus, bool KvmIsReal, FirecrackerProgram? Firecracker, string? QemuPath, bool KvmExists)
{
    /// <summary>Machines run on the host's processor where they are not told otherwise; else they are emulated.</summary>
    internal bool RunsGuests => KvmIsReal && KvmExists;

    /// <summary>Looks at this host.</summary>
    /// <param name="config">its configuration</param>
    /// <param name="library">the installation's folder of programs</param>
    internal static HostFacts Look(HostConfig config, string library)
    {
        // KVM and Firecracker run guests of the host's own processors only.
        bool foreign = config.GuestArchitecture != RuntimeInformation.ProcessArchitecture;
        bool kvm = !foreign && File.Exists("/dev/kvm");
        bool arm64 = config.GuestArchitecture == Architecture.Arm64;
        return new HostFacts(
            OnlineCpus(),
            kvm && (arm64 || HasVirtualization("/proc/cpuinfo")),
            foreign ? null : FindFirecracker(config, library),
            WithoutLinks(Existing(config.Qemu, "qemu") ?? ProgramPath.TryFind(arm64 ? "qemu-system-aarch64" : "qemu-system-x86_64")),
            kvm);
    }

    /// <summary>The CPU says itself that it can virtualize. A /dev/kvm alone proves nothing: a KVM in software opens as well, and
    /// guests crawl or abort under it.</summary>
    internal static bool HasVirtualization(string cpuinfo)
    {
        string? flags = File.ReadLines(cpuinfo).FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal));
        return flags is not null && flags.Split(' ').Any(flag => flag is "vmx" or "svm");
    }

    private static FirecrackerProgram? FindFirecracker(HostConfig config, string library)
    {
        string? path = Existing(config.Firecracker, "firecracker") ?? ProgramPath.TryFind("firecracker")
            ?? Below([$"{library}/firecracker", .. Directory.Exists("/opt") ? Directory.GetDirectories("/opt").Select(static folder => $"{folder}/bin/firecracker") : []]);
        return path is null ? null : new FirecrackerProgram(path, config.FirecrackerIsTestDouble);
    }

    private static string? Below(IEnumerable<string> places) => places.FirstOrDefault(File.Exists);

    private static string? Existing(string? path, string key)
        => path is null || File.Exists(path) ? path : throw new UsageException($"{HostConfig.File} sets {key} to {path}, which does not exist");

    // A link that leads through a folder of the host that the sandbox has not got would lead nowhere there.
    private static string? WithoutLinks(string? path) => path == null ? null : RealPath.Of(path) ?? path;

    // The processor count of .NET is that of this process's own limits, which are not the machine's.
    private static int OnlineCpus()
    {
        const string Online = "/sys/devices/system/cpu/online";
        int? count = File.Exists(Online) ? CpuSet.TryCount(File.ReadAllText(Online)) : null;
        return count ?? Environment.ProcessorCount;
    }
}
