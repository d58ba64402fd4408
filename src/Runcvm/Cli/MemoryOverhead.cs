namespace Runcvm.Cli;

/// <summary>What supervisor and hypervisor need beside the guest's memory, so that the container's limit is all the guest's.</summary>
internal static class MemoryOverhead
{
    private const long Mebibyte = 1024 * 1024;

    /// <summary>Bytes: under TCG 128 MiB of translated code come on top of QEMU's own 60 MiB or so.</summary>
    /// <param name="useKvm">no translated code</param>
    /// <param name="hasShares">buffers of up to 16 threads that serve files, 2 MiB each</param>
    internal static long Of(bool useKvm, bool hasShares) => ((useKvm ? 128 : 288) + (hasShares ? 32 : 0)) * Mebibyte;
}
