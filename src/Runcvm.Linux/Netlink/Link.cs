namespace Runcvm.Linux.Netlink;

/// <summary>A network interface as the kernel lists it.</summary>
/// <param name="Index">its number in the namespace</param>
/// <param name="Name">such as eth0</param>
/// <param name="HardwareType">ARPHRD_* of if_arp.h; 1 is Ethernet</param>
/// <param name="Flags">its state</param>
/// <param name="HardwareAddress">the MAC address, 6 bytes for Ethernet</param>
/// <param name="Mtu">bytes</param>
/// <param name="Kind">the driver's name for virtual interfaces (veth, macvlan, tun); null for devices</param>
public sealed record Link(
    int Index, string Name, ushort HardwareType, LinkFlags Flags, byte[] HardwareAddress, uint Mtu, string? Kind)
{
    /// <summary>ARPHRD_ETHER</summary>
    public const ushort Ethernet = 1;
}

/// <summary>IFF_* of netdevice(7); those that this project looks at.</summary>
[Flags]
public enum LinkFlags : uint
{
    /// <summary>IFF_UP</summary>
    Up = 0x1,
    /// <summary>IFF_LOOPBACK</summary>
    Loopback = 0x8,
    /// <summary>IFF_RUNNING: the other end is there</summary>
    Running = 0x40,
}
