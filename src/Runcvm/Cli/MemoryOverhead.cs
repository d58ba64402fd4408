namespace Runcvm.Cli;

/// <summary>What supervisor and hypervisor need beside the guest's memory, so that the container's limit is all the guest's.</summary>
internal static class MemoryOverhead
{
    private const long Mebibyte = 1024 * 1024;

    /// <summary>Bytes: under TCG 128 MiB of translated code come on top of QEMU's own 60 MiB or so.</summary>
    internal static long Of(bool useKvm) => (useKvm ? 128 : 288) * Mebibyte;
}
