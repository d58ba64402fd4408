using System.Runtime.Intrinsics.X86;

namespace Runcvm.Guest.Devices;

/// <summary>What carries out the machine's instructions.</summary>
internal static class Processor
{
    // "TCGTCGTCGTCG": what QEMU's emulator says of itself where hypervisors have their name (target/i386/cpu.c, leaf 0x40000000).
    private const int Leaf = 0x40000000;
    private const int Signature = 'T' | ('C' << 8) | ('G' << 16) | ('T' << 24);

    /// <summary>Whether it is QEMU's emulator, and not a processor. On arm64 nothing says so.</summary>
    internal static bool IsEmulated => X86Base.IsSupported && X86Base.CpuId(Leaf, 0).Ebx == Signature;
}
