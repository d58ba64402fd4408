namespace Runcvm.Options;

/// <summary>What a machine runs on, from what was asked for and what the host has.</summary>
internal static class MachineChoice
{
    /// <summary>The limit of Firecracker.</summary>
    internal const int MostFirecrackerCpus = 32;

    private const string WayOut = "set RUNCVM_HYPERVISOR=qemu";

    internal static Hypervisor Hypervisor(RequestedOptions asked, HostFacts host)
    {
        if (asked.Hypervisor == Options.Hypervisor.Firecracker)
        {
            CheckFirecracker(asked, host);
            return Options.Hypervisor.Firecracker;
        }

        // A test double is nothing that a host should end up with by itself.
        bool canFirecracker = host.Firecracker is { IsTestDouble: false } && UseKvm(asked, host) && asked.Cpus is not > MostFirecrackerCpus && !asked.Hardware.PreallocateMemory && !asked.Hardware.VhostNet;
        if (asked.Hypervisor == Options.Hypervisor.Auto && canFirecracker) return Options.Hypervisor.Firecracker;
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

    private static void CheckFirecracker(RequestedOptions asked, HostFacts host)
    {
        if (asked.Acceleration == Acceleration.Tcg)
            throw new UsageException($"RUNCVM_ACCEL=tcg is for QEMU, and Firecracker has KVM only; leave it out, or {WayOut}");
        if (host.Firecracker is not { IsTestDouble: true } && !UseKvm(asked, host))
        {
            throw new UsageException(
                "RUNCVM_HYPERVISOR=firecracker needs KVM, and this host has none that is real (no vmx or svm in "
                + $"/proc/cpuinfo); {WayOut}, which also runs without KVM");
        }

        if (host.Firecracker is null)
        {
            throw new UsageException(
                "RUNCVM_HYPERVISOR=firecracker finds no Firecracker on this host (on the PATH, in the installation's lib/runcvm, in /opt/*/bin, nor as "
                + $"firecracker in {HostConfig.File}); put a release of its project there with runcvm install --firecracker FILE|URL, or {WayOut}");
        }

        if (asked.Cpus > MostFirecrackerCpus)
            throw new UsageException($"RUNCVM_CPUS={asked.Cpus} is more than the {MostFirecrackerCpus} that Firecracker can give; ask for fewer, or {WayOut}");
    }

    /// <summary>An option that Firecracker has not got.</summary>
    /// <param name="asked">a container asks for it</param>
    /// <param name="usual">the host's configuration does, for all machines that QEMU runs</param>
    /// <param name="name">of the option</param>
    /// <param name="hypervisor">what was chosen</param>
    internal static bool OnlyQemu(bool asked, bool usual, string name, Hypervisor hypervisor)
    {
        if (hypervisor == Options.Hypervisor.Qemu) return asked || usual;
        return !asked ? false : throw new UsageException($"{name} is for QEMU, and Firecracker cannot do it; leave it out, or {WayOut}");
    }

    /// <summary>Without KVM nothing would tell the host's kernel that there are packets.</summary>
    internal static bool VhostNet(bool asked, bool usual, Hypervisor hypervisor, bool useKvm)
    {
        const string Name = "RUNCVM_QEMU_NET_VHOST";
        bool wanted = OnlyQemu(asked, usual, Name, hypervisor);
        return asked && !useKvm ? throw new UsageException($"{Name} needs KVM, which this machine does without; leave it out") : wanted && useKvm;
    }

    internal static bool UseKvm(RequestedOptions asked, HostFacts host) => asked.Acceleration switch
    {
        Acceleration.Tcg => false,
        Acceleration.Kvm when !host.KvmExists => throw new UsageException(
            "RUNCVM_ACCEL=kvm needs /dev/kvm, which this host does not have; leave it out, or set RUNCVM_ACCEL=tcg"),
        Acceleration.Kvm => true,
        _ => host.RunsGuests,
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
