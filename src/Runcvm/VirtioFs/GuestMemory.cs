using Runcvm.Linux.Mappings;

namespace Runcvm.VirtioFs;

/// <summary>The guest's memory as the hypervisor told of it. Never changed: a new telling makes a new one.</summary>
internal sealed class GuestMemory(IReadOnlyList<GuestMemory.Region> regions)
{
    /// <param name="Guest">address in the guest</param>
    /// <param name="Hypervisor">address in the hypervisor's process, which is what it calls the rings by</param>
    /// <param name="Length">bytes</param>
    /// <param name="Mapping">the same bytes here</param>
    internal sealed record Region(ulong Guest, ulong Hypervisor, ulong Length, SharedMapping Mapping);

    // More than any request or answer; a guest that names more means harm.
    private const uint LongestPart = 16 * 1024 * 1024;

    private readonly Region[] _regions = [.. regions];

    internal static GuestMemory Empty { get; } = new([]);

    /// <summary>Bytes by the guest's own address.</summary>
    internal Span<byte> At(ulong address, uint length)
    {
        foreach (Region region in _regions)
            if (length <= LongestPart && TryOffset(address, region.Guest, region.Length, length, out long offset)) return region.Mapping.Part(offset, (int)length);
        throw new BrokenRingException($"{length} bytes at {address:x} are not in the guest's memory");
    }

    /// <summary>Where something lies that the hypervisor names by its own address.</summary>
    internal RingPart Find(ulong address, int length)
    {
        foreach (Region region in _regions)
            if (TryOffset(address, region.Hypervisor, region.Length, (uint)length, out long offset)) return new RingPart(region.Mapping, offset, length);
        throw new BrokenRingException($"a ring of {length} bytes at {address:x} is not in the guest's memory");
    }

    private static bool TryOffset(ulong address, ulong start, ulong size, uint length, out long offset)
    {
        offset = (long)(address - start);
        return address >= start && address - start < size && length <= size - (address - start);
    }
}
