namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    // Linux itself counts CPUs up to this number (NR_CPUS of the largest kernels).
    private const int MostCpus = 8192;

    private static Option[] Machine =>
    [
        new("RUNCVM_HYPERVISOR", "What runs the machine: `auto`, `qemu` or `firecracker`.",
            "`auto`: Firecracker where KVM is real and the binary is found, else QEMU",
            (o, text) => o with
            {
                Hypervisor = text.OneOf("auto, firecracker or qemu",
                [
                    ("auto", Hypervisor.Auto), ("firecracker", Hypervisor.Firecracker), ("qemu", Hypervisor.Qemu),
                ]),
            }),
        new("RUNCVM_ACCEL", "What executes the guest's instructions under QEMU: `auto`, `kvm` or `tcg`.",
            "`auto`: KVM where it is real, else TCG",
            (o, text) => o with
            {
                Acceleration = text.OneOf("auto, kvm or tcg",
                [
                    ("auto", Acceleration.Auto), ("kvm", Acceleration.Kvm), ("tcg", Acceleration.Tcg),
                ]),
            }),
        new("RUNCVM_CPUS", "vCPUs, never more than the host has; Firecracker gives at most 32.",
            "`--cpus` rounded up, else the number of CPUs in `--cpuset-cpus`, else the host's CPUs but at most 2",
            (o, text) => o with { Cpus = text.Number(1, MostCpus) }),
        new("RUNCVM_MEM_SIZE", "RAM of the guest, from `64M` to `1T`, and not more than `-m`. A plain number counts mebibytes.",
            "`-m`, else 512M, or 1G with `RUNCVM_SYSTEMD`",
            (o, text) => o with { MemoryBytes = text.Size(MachineSize.LeastMemory, MachineSize.MostMemory, ByteSize.Mebi) }),
    ];
}
