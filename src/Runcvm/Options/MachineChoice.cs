namespace Runcvm.Options;

/// <summary>What a machine runs on, from what was asked for and what the host has.</summary>
internal static class MachineChoice
{
    internal static Hypervisor Hypervisor(RequestedOptions asked, HostFacts host)
    {
        if (asked.Hypervisor == Options.Hypervisor.Firecracker)
        {
            throw new UsageException(host.KvmIsReal
                ? "RUNCVM_HYPERVISOR=firecracker is not available in this version of RunCVM; set RUNCVM_HYPERVISOR=qemu"
                : "RUNCVM_HYPERVISOR=firecracker needs KVM, and this host has none that is real (no vmx or svm in "
                    + "/proc/cpuinfo); set RUNCVM_HYPERVISOR=qemu, which also runs without KVM");
        }

        if (host.QemuPath is null)
        {
            throw new UsageException(
                "this host has no QEMU (qemu-system-x86_64 or qemu-system-aarch64 on the PATH); install it (Debian and Ubuntu: "
                + $"apt-get install qemu-system), or set qemu in {HostConfig.File} to where it is");
        }

        // It runs in the sandbox with its libraries and firmware, and of the host's files the sandbox shows /usr.
        if (!host.QemuPath.StartsWith("/usr/", StringComparison.Ordinal))
        {
            throw new UsageException(
                $"QEMU is at {host.QemuPath}, which the sandbox that it runs in does not show; install it below /usr (/usr/local, say), "
                + $"or set qemu in {HostConfig.File} to one that is there");
        }

        return Options.Hypervisor.Qemu;
    }

    internal static bool UseKvm(RequestedOptions asked, HostFacts host) => asked.Acceleration switch
    {
        Acceleration.Tcg => false,
        Acceleration.Kvm when !host.KvmExists => throw new UsageException(
            "RUNCVM_ACCEL=kvm needs /dev/kvm, which this host does not have; leave it out, or set RUNCVM_ACCEL=tcg"),
        Acceleration.Kvm => true,
        _ => host.KvmIsReal && host.KvmExists,
    };

    /// <summary>A systemd that is told to use cgroup v1 expects to find it, and so does everything started beside it.</summary>
    internal static CgroupMode CgroupModeOf(string kernelArguments)
    {
        const string Unified = "systemd.unified_cgroup_hierarchy=";
        string? last = kernelArguments.Split(' ').LastOrDefault(a => a.StartsWith(Unified, StringComparison.Ordinal));
        return last?[Unified.Length..].ToLowerInvariant() is "0" or "no" or "n" or "false" or "f" or "off"
            ? CgroupMode.V1
            : CgroupMode.V2;
    }
}
