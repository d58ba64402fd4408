namespace Runcvm.Planning;

/// <summary>What supervisor and hypervisor need beside the guest's memory, so that the container's limit is all the guest's.</summary>
internal static class MemoryOverhead
{
    private const long Mebibyte = 1024 * 1024;

    // An exec takes 1 MiB of the sandbox, and while it begins a dozen, which are the low-level runtime's.
    private const long Execs = 1024 * Mebibyte;

    /// <summary>Bytes: under TCG 128 MiB of translated code come on top of QEMU's own 60 MiB or so.</summary>
    /// <param name="useKvm">no translated code</param>
    /// <param name="hasShares">buffers of up to 16 threads that serve files, 2 MiB each, and what is remembered of the files that the guest
    /// remembers</param>
    /// <param name="guestMemory">bytes</param>
    internal static long Of(bool useKvm, bool hasShares, long guestMemory)
    {
        long hypervisor = ((useKvm ? 128 : 288) * Mebibyte) + PageTables(guestMemory);
        return hasShares ? hypervisor + (32 * Mebibyte) + FileNodes(guestMemory) : hypervisor;
    }

    /// <summary>Bytes of a sandbox whose user set no limit: more than any machine needs, and less than one that was
    /// taken over would take. What the host's kernel remembers of the files that a guest has open is no more than what
    /// the guest's does.</summary>
    /// <param name="useKvm">as above</param>
    /// <param name="hasShares">as above</param>
    /// <param name="guestMemory">as above</param>
    internal static long Usual(bool useKvm, bool hasShares, long guestMemory)
        => guestMemory + Of(useKvm, hasShares, guestMemory) + Execs + (hasShares ? guestMemory : 0);

    // 8 bytes for each page of 4096: of the hypervisor, of the file server, of KVM, and what KVM notes beside that.
    private static long PageTables(long guestMemory) => guestMemory / 128;

    // For each file a guest's kernel holds 1 080 bytes and the file server 330 (600 000 files with names of 14 characters; tables that grow are
    // there twice for a moment): a guest full of nothing else leaves the server needing this.
    private static long FileNodes(long guestMemory) => guestMemory / 8 * 3;
}
