using Runcvm.Syntax;

namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    // Linux itself counts CPUs up to this number (NR_CPUS of the largest kernels).
    private const int MostCpus = 8192;

    private const int MostMebibytes = (int)(MachineSize.MostMemory / ByteSize.Mebi);

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
        new("RUNCVM_ENABLE_BALLOON", "A device by which the host asks the guest for memory back and gives it again, as `docker update -m` does.",
            "on", Part((part, text) => part with { Balloon = text.Flag() })),
        new("RUNCVM_BALLOON_SIZE_MIB", "Mebibytes of the guest's RAM that the host has asked back when it starts; at least 64 stay.", "0",
            Part((part, text) => part with { BalloonMebibytes = text.Number(0, MostMebibytes) })),
        new("RUNCVM_HUGETLB", "The guest's RAM is huge pages of 2 MiB, of which the host must have enough (`vm.nr_hugepages`).", "off",
            Part((part, text) => part with { HugePages = text.Flag() })) { NeedsAllow = true },
        new("RUNCVM_QEMU_MEM_PREALLOC", "QEMU takes all of the guest's RAM before the machine starts.", "off",
            Part((part, text) => part with { PreallocateMemory = text.Flag() })) { NeedsAllow = true },
        new("RUNCVM_WARM",
            "Whether the machine goes on where `runcvm warm` saved one instead of booting, if there is a saved one "
            + "that fits: `off`, `auto`, or `on`, which has files of shares travel over the stream for that.",
            "`auto`: where the machine has no shares, so with `RUNCVM_ROOTFS=block` and without volumes",
            (o, text) => o with
            {
                Warm = text.OneOf("auto, on or off",
                [
                    ("auto", WarmStart.Auto), ("on", WarmStart.Always), ("1", WarmStart.Always),
                    ("yes", WarmStart.Always), ("true", WarmStart.Always), ("off", WarmStart.Never),
                    ("0", WarmStart.Never), ("no", WarmStart.Never), ("false", WarmStart.Never),
                ]),
            }),
        new("RUNCVM_TEMPLATE",
            "The template (`runcvm template create`) from whose moment the machine goes on, with what ran in it. The "
            + "host's configuration lists under `templates` those that containers may use.",
            "none, the machine starts from its image", (o, text) => o with { Template = text.TemplateName() }),
    ];
}
