using System.Net;
using Runcvm.Linux;
using Runcvm.Linux.Netlink;

namespace Runcvm.Network;

/// <summary>The addresses of the namespace of the thread that asks. The kernel is asked once a second at most, and
/// after a change: neighbours may send any number of datagrams.</summary>
/// <param name="read">asks the kernel</param>
internal sealed class OwnAddresses(Func<IReadOnlyList<byte[]>> read)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private IReadOnlyList<byte[]> _known = [];
    private long? _readAt;

    internal OwnAddresses()
        : this(Read)
    {
    }

    /// <summary>Whether an address is the namespace's own, or one of its loopback's. Where the kernel does not say,
    /// none but these is.</summary>
    internal bool Has(byte[] address)
    {
        if (IPAddress.IsLoopback(new IPAddress(address))) return true;
        long now = Environment.TickCount64;
        if (_readAt is not { } readAt || now - readAt >= Lifetime.TotalMilliseconds) Ask(now);
        return _known.Any(known => known.AsSpan().SequenceEqual(address));
    }

    /// <summary>They have changed.</summary>
    internal void Forget() => _readAt = null;

    private void Ask(long now)
    {
        _readAt = now;
        try
        {
            _known = read();
        }
        catch (LinuxException)
        {
            // Asked again in a second. Until then who is not known to be inside is a stranger.
            _known = [];
        }
    }

    private static byte[][] Read()
    {
        using var netlink = new RouteNetlink();
        return [.. netlink.Addresses().Select(static item => item.Address)];
    }
}
