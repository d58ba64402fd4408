using Runcvm.Linux.Netlink;

namespace Runcvm.Tests.Netlink;

/// <summary>Requests byte by byte.</summary>
public class RequestBytesTests
{
    private static readonly Link Eth0 = new(2, "eth0", Link.Ethernet, LinkFlags.Up, [2, 0, 0, 0, 0, 1], 1500, "veth");

    [Fact]
    public void Setting_a_link_up() => Check(RouteNetlink.FlagsRequest(Eth0, LinkFlags.Up), """
        20000000 1000 0500 07000000 00000000   length 32, RTM_NEWLINK, REQUEST|ACK, number 7, port 0
        00 00 0000 02000000                    family, -, type, index 2
        01000000 01000000                      flags IFF_UP, of which IFF_UP is to change
        """);

    [Fact]
    public void Adding_an_IPv4_address() => Check(RouteNetlink.AddAddressRequest(Eth0, [172, 17, 0, 2], 16, 0), """
        30000000 1400 0506 07000000 00000000   length 48, RTM_NEWADDR, REQUEST|ACK|CREATE|EXCL
        02 10 00 00 02000000                   AF_INET, /16, no flags, scope global, index 2
        0800 0200 ac110002                     IFA_LOCAL 172.17.0.2
        0800 0100 ac110002                     IFA_ADDRESS 172.17.0.2
        0800 0400 ac11ffff                     IFA_BROADCAST 172.17.255.255
        """);

    [Fact]
    public void Adding_a_default_route() => Check(
        RouteNetlink.AddRouteRequest(Eth0, new LinkRoute(0, new byte[4], 0, [172, 17, 0, 1], 0, RouteOrigin.Boot, 0, false)), """
        2c000000 1800 0506 07000000 00000000   length 44, RTM_NEWROUTE, REQUEST|ACK|CREATE|EXCL
        02 00 00 00 fe 03 00 01 00000000       AF_INET, /0, -, -, main table, RTPROT_BOOT, universe, unicast, no flags
        0800 0500 ac110001                     RTA_GATEWAY 172.17.0.1
        0800 0400 02000000                     RTA_OIF 2
        """);

    [Fact]
    public void Making_a_place_for_filters() => Check(RouteNetlink.BothWaysRequest(Eth0, create: true), """
        30000000 2400 0506 07000000 00000000   length 48, RTM_NEWQDISC, REQUEST|ACK|CREATE|EXCL
        00000000 02000000                      family, index 2
        0000ffff f1ffffff 00000000             handle ffff:, parent TC_H_CLSACT, -
        0b00 0100 636c7361637400 00            TCA_KIND "clsact", padding
        """);

    [Fact]
    public void Keeping_packets_to_a_reserved_port() => Check(
        RouteNetlink.FilterRequest(
            Eth0, new PacketFilter(PacketFilter.IPv4, 2, [new WordMatch(20, 0xF000, 0xF000)], PacketAction.Keep)), """
        5c000000 2c00 0506 07000000 00000000   length 92, RTM_NEWTFILTER, REQUEST|ACK|CREATE|EXCL
        00000000 02000000                      family, index 2
        00000000 f2ffffff 08000200             handle by the kernel, parent ffff:fff2, protocol 0800 priority 2
        0800 0100 75333200                     TCA_KIND "u32"
        3000 0200                              TCA_OPTIONS
          0800 0100 01000100                   TCA_U32_CLASSID 1:1
          2400 0500                            TCA_U32_SEL
            01 00 01 00 0000 0000 0000 0000 00000000   terminal, -, one key, no variable offsets
            0000f000 0000f000 14000000 00000000        mask, value, at byte 20
        """);

    [Fact]
    public void Redirecting_everything() => Check(
        RouteNetlink.FilterRequest(Eth0, new PacketFilter(PacketFilter.AnyProtocol, 4, [], PacketAction.Redirect, 3)), """
        7c000000 2c00 0506 07000000 00000000   length 124, RTM_NEWTFILTER, REQUEST|ACK|CREATE|EXCL
        00000000 02000000                      family, index 2
        00000000 f2ffffff 00030400             handle by the kernel, parent ffff:fff2, all protocols, priority 4
        0800 0100 75333200                     TCA_KIND "u32"
        5000 0200                              TCA_OPTIONS
          1400 0500                            TCA_U32_SEL
            01 00 00 00 0000 0000 0000 0000 00000000   terminal, -, no keys
          3800 0700                            TCA_U32_ACT
            3400 0100                          the first action
              0b00 0100 6d697272656400 00      TCA_ACT_KIND "mirred", padding
              2400 0200                        TCA_ACT_OPTIONS
                2000 0200                      TCA_MIRRED_PARMS
                  00000000 00000000 04000000   index by the kernel, -, TC_ACT_STOLEN
                  00000000 00000000            two counters
                  01000000 03000000            TCA_EGRESS_REDIR to index 3
        """);

    private static void Check(NetlinkWriter request, string annotated)
    {
        string expected = "";
        foreach (string line in annotated.Split('\n'))
        {
            string hex = line.TrimStart().Split("   ")[0];
            expected += hex.Replace(" ", "", StringComparison.Ordinal).Trim();
        }

        Assert.Equal(expected, Convert.ToHexStringLower(request.Finish(7)));
    }
}
