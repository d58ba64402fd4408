using Runcvm.Syntax;

namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    private static Option[] Kernel =>
    [
        new("RUNCVM_KERNEL", "The kernel: `DIST` or `DIST/VERSION` out of the kernel store, an absolute path inside the store, or `image`: "
            + "the kernel that is installed in the image.",
            "the tuned kernel where it is built, else Debian's",
            (o, text) => o with { Kernel = KernelName(text) }),
        new("RUNCVM_KERNEL_ARGS", "Goes to the end of the kernel's command line. `systemd.unified_cgroup_hierarchy=0` gives cgroup v1, "
            + "also without systemd.", "none",
            (o, text) => o with { KernelArgs = text.KernelArguments() }),
        new("RUNCVM_KERNEL_APPEND", "The same, after `RUNCVM_KERNEL_ARGS`.", "none",
            (o, text) => o with { KernelAppend = text.KernelArguments() }),
        new("RUNCVM_KERNEL_MOUNT_LIB_MODULES", "The kernel's modules cover all of `/lib/modules`, not only `/lib/modules/VERSION`.", "off",
            (o, text) => o with { MountAllModules = text.Flag() }),
        new("RUNCVM_KERNEL_DEBUG", "The kernel's log goes to the container's log.", "off",
            (o, text) => o with { KernelDebug = text.Flag() }),
        new("RUNCVM_CGROUPFS", "What a workload that is not systemd finds under `/sys/fs/cgroup`: nothing (`none` or `systemd`), version 1 "
            + "(`1` or `cgroup1`), version 2 (`2` or `cgroup2`), or both (`hybrid` or `mixed`).",
            "`2`, or `1` with the kernel argument above",
            (o, text) => o with
            {
                CgroupMode = text.OneOf("none, systemd, 1, cgroup1, 2, cgroup2, hybrid or mixed",
                [
                    ("none", CgroupMode.None), ("systemd", CgroupMode.None), ("1", CgroupMode.V1), ("cgroup1", CgroupMode.V1),
                    ("2", CgroupMode.V2), ("cgroup2", CgroupMode.V2), ("hybrid", CgroupMode.Hybrid), ("mixed", CgroupMode.Hybrid),
                ]),
            }),
    ];

    // The image can set this too, so it may name nothing outside the store; the store checks what a path leads to.
    private static string KernelName(OptionText text)
    {
        const string Accepted = "image, DIST, DIST/VERSION or an absolute path in the kernel store";
        string[] parts = (text.Value[0] == '/' ? text.Value[1..] : text.Value).Split('/');
        bool plain = parts.All(part => part is not ("" or "." or "..") && part.All(c => char.IsAsciiLetterOrDigit(c) || "._+~-".Contains(c)));
        if (!plain || (text.Value[0] != '/' && parts.Length > 2)) throw text.Refused(Accepted);
        return text.Value;
    }
}
