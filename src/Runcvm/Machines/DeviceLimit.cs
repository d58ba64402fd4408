using System.Runtime.InteropServices;

namespace Runcvm.Machines;

/// <summary>How many devices a machine has room for: each has a place and an interrupt of its own on its board.</summary>
internal static class DeviceLimit
{
    // hw/i386/microvm.c and hw/arm/virt.c of QEMU: places for virtio devices.
    private const int Microvm = 24;
    private const int Virt = 32;

    // Firecracker's arch/x86_64/layout.rs: interrupts 5 to 23, of which new versions give one to the generation counter and one to the clock.
    private const int FirecrackerOfX64 = 17;
    private const int FirecrackerOfArm64 = 94;

    // Stream and shares of QEMU; vsock and entropy of Firecracker.
    private const int Fixed = 2;

    /// <exception cref="UsageException">there are more than the hypervisor has places for</exception>
    internal static void Check(bool isFirecracker, Architecture architecture, bool balloon, int disks, int cards)
    {
        bool isArm64 = architecture == Architecture.Arm64;
        int most = isFirecracker ? (isArm64 ? FirecrackerOfArm64 : FirecrackerOfX64) : isArm64 ? Virt : Microvm;
        int left = most - Fixed - (balloon ? 1 : 0);
        if (disks + cards <= left) return;
        throw new UsageException(
            $"a machine of {(isFirecracker ? "Firecracker" : "QEMU")} has room for {left} disks and network cards, and this one would have {disks} disks, of which RUNCVM_DISKS names all but those of the system, and {cards} cards: use fewer, or put several folders on one disk");
    }
}
