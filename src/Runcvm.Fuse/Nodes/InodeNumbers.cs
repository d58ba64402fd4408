namespace Runcvm.Fuse.Nodes;

/// <summary>Inode numbers for the guest, to which all file systems below the root are one: unique across them, and the
/// same each time. The root's own file system keeps its numbers.</summary>
internal sealed class InodeNumbers(ulong rootDevice)
{
    private const int NumberBits = 48;
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, ulong> _prefixes = new() { [rootDevice] = 0 };

    internal ulong Of(ulong device, ulong inode)
    {
        if (device == rootDevice && inode >> NumberBits == 0) return inode;
        ulong prefix;
        lock (_lock)
        {
            if (!_prefixes.TryGetValue(device, out prefix)) _prefixes[device] = prefix = (ulong)_prefixes.Count;
        }

        if (inode >> NumberBits == 0 && prefix < 0x8000) return prefix << NumberBits | inode;
        // No room for a prefix: mixed (the finalizer of MurmurHash3), in the half that prefixes leave free.
        ulong mixed = inode ^ prefix * 0x9E3779B97F4A7C15;
        mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCD;
        mixed = (mixed ^ mixed >> 33) * 0xC4CEB9FE1A85EC53;
        return mixed ^ mixed >> 33 | 1UL << 63;
    }
}
