namespace Runcvm.Linux.Netlink;

/// <summary>A filter of the u32 classifier on what comes in over an interface, see tc-u32(8).</summary>
/// <param name="Protocol">ETH_P_* of if_ether.h, which the packet must have; <see cref="AnyProtocol"/> for all</param>
/// <param name="Priority">lower ones are asked first; one priority serves one protocol only</param>
/// <param name="Matches">all must hold; none means every packet</param>
/// <param name="Action">what happens to a packet that matches</param>
/// <param name="TargetIndex">the interface that <paramref name="Action"/> sends to; unused by <see cref="PacketAction.Keep"/></param>
public sealed record PacketFilter(
    ushort Protocol, ushort Priority, IReadOnlyList<WordMatch> Matches, PacketAction Action, int TargetIndex = 0)
{
    /// <summary>ETH_P_ALL</summary>
    public const ushort AnyProtocol = 0x0003;
    /// <summary>ETH_P_IP</summary>
    public const ushort IPv4 = 0x0800;
    /// <summary>ETH_P_ARP</summary>
    public const ushort Arp = 0x0806;
    /// <summary>ETH_P_IPV6</summary>
    public const ushort IPv6 = 0x86DD;
}

/// <summary>A condition on 4 bytes of a packet, read in the byte order of the network.</summary>
/// <param name="Offset">from the beginning of the network layer's header; a multiple of 4</param>
/// <param name="Value">what they must be</param>
/// <param name="Mask">where the mask has 0 they may be anything</param>
public readonly record struct WordMatch(int Offset, uint Value, uint Mask);

/// <summary>What happens to a packet.</summary>
public enum PacketAction
{
    /// <summary>It stays in the namespace: no action and no further filter.</summary>
    Keep,
    /// <summary>It stays, and a copy leaves through another interface.</summary>
    Mirror,
    /// <summary>It leaves through another interface.</summary>
    Redirect,
}
