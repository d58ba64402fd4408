namespace Runcvm.Cli;

/// <summary>What supervisor and hypervisor need beside the guest's memory, so that the container's limit is all the guest's.</summary>
internal static class MemoryOverhead
{
    private const long Mebibyte = 1024 * 1024;

    /// <summary>Bytes: under TCG 128 MiB of translated code come on top of QEMU's own 60 MiB or so.</summary>
    /// <param name="useKvm">no translated code</param>
    /// <param name="hasShares">buffers of up to 16 threads that serve files, 2 MiB each, and what is remembered of the files that the guest
    /// remembers</param>
    /// <param name="guestMemory">bytes</param>
    internal static long Of(bool useKvm, bool hasShares, long guestMemory)
    {
        long hypervisor = (useKvm ? 128 : 288) * Mebibyte;
        return hasShares ? hypervisor + (32 * Mebibyte) + FileNodes(guestMemory) : hypervisor;
    }

    // For each file a guest's kernel holds 1 080 bytes and the file server 330 (600 000 files with names of 14 characters; tables that grow are
    // there twice for a moment): a guest full of nothing else leaves the server needing this.
    private static long FileNodes(long guestMemory) => guestMemory / 8 * 3;
}
