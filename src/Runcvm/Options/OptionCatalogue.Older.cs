namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    private static Option[] Older =>
    [
        Replaced("RUNCVM_SYS_ADMIN", "the workload has full root in its machine anyway, and nothing on the host"),
        Replaced("RUNCVM_NFS_*", "volumes need no NFS server any more; use -v and --mount as with any container"),
        Replaced("RUNCVM_FC_KERNEL_PATH", "RUNCVM_KERNEL=DIST/VERSION names a kernel of the store, for every hypervisor"),
    ];

    private static Option Replaced(string name, string by)
        => new(name, $"Of older systems: accepted with a warning. Instead: {by}.", "none", (o, _) => o) { Replacement = by };
}
