namespace Runcvm.Machines;

/// <summary>How many devices a machine has room for: each has a place and an interrupt of its own on its board.</summary>
internal static class DeviceLimit
{
    // Stream and shares of QEMU; vsock and entropy of Firecracker.
    private const int Fixed = 2;

    /// <param name="hypervisor">its name</param>
    /// <param name="places">that it has</param>
    /// <param name="balloon">the machine has one</param>
    /// <param name="disks">of the machine</param>
    /// <param name="cards">of the machine</param>
    /// <exception cref="UsageException">there are more than the hypervisor has places for</exception>
    internal static void Check(string hypervisor, int places, bool balloon, int disks, int cards)
    {
        int left = places - Fixed - (balloon ? 1 : 0);
        if (disks + cards <= left) return;
        throw new UsageException(
            $"a machine of {hypervisor} has room for {left} disks and network cards, and this one would have {disks} disks, of which RUNCVM_DISKS names all but those of the system, and {cards} cards: use fewer, or put several folders on one disk");
    }
}
