namespace Runcvm.Linux.Netlink;

/// <summary>A unicast route of the main table with one way out.</summary>
/// <param name="LinkIndex">the interface it leads over</param>
/// <param name="Destination">4 or 16 bytes; zeros with prefix length 0 for the default route</param>
/// <param name="PrefixLength">bits of the destination that count</param>
/// <param name="Gateway">4 or 16 bytes, or empty for a network that is on the link</param>
/// <param name="Scope">RT_SCOPE_* of rtnetlink(7)</param>
/// <param name="Origin">who made it</param>
/// <param name="Metric">priority; 0 is the kernel's default</param>
/// <param name="GatewayIsOnLink">RTNH_F_ONLINK: the gateway is reached directly although no network says so</param>
public sealed record LinkRoute(
    int LinkIndex, byte[] Destination, byte PrefixLength, byte[] Gateway, byte Scope, RouteOrigin Origin, uint Metric,
    bool GatewayIsOnLink)
{
    /// <summary>Whether this is an IPv6 route.</summary>
    public bool IsIPv6 => Destination.Length == 16;
}

/// <summary>RTPROT_* of rtnetlink(7); those that this project looks at. Others exist.</summary>
public enum RouteOrigin : byte
{
    /// <summary>RTPROT_KERNEL: comes and goes with an address</summary>
    Kernel = 2,
    /// <summary>RTPROT_BOOT: made by a person or a program</summary>
    Boot = 3,
    /// <summary>RTPROT_RA: learnt from a router</summary>
    RouterAdvertisement = 9,
}
