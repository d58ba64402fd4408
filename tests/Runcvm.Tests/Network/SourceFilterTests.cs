using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Network;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

/// <summary>Frames written into a tap, and what of them arrives behind the real filters.</summary>
public class SourceFilterTests
{
    private const string Other = "02420a090063";
    private static readonly string Own = ContainerPlumbing.HardwareAddress.Replace(":", "", StringComparison.Ordinal);

    [Fact]
    public void Packets_from_own_addresses_pass_and_all_others_do_not() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare().Interfaces[0].Tap;
        Assert.Equal(
            ["own v4", "no address yet", "own v6", "own interface identifier", "own arp", "own advertisement"],
            Arriving(net, tap));
    });

    [Fact]
    public void A_machine_that_may_spoof_sends_anything() => TestNamespace.Run(() =>
    {
        using var net = new ContainerPlumbing();
        using SafeFileHandle tap = SandboxNetwork.Prepare(maySpoof: true).Interfaces[0].Tap;
        Assert.Equal(Frames.Select(static frame => frame.Name), Arriving(net, tap));
    });

    private static (string Name, string Frame)[] Frames { get; } =
    [
        ("own v4", Frame(Own, "0800", IPv4("0a090002"))),
        ("other mac", Frame(Other, "0800", IPv4("0a090002"))),
        ("other v4", Frame(Own, "0800", IPv4("0a090001"))),
        ("no address yet", Frame(Own, "0800", IPv4("00000000"))),
        ("own v6", Frame(Own, "86dd", IPv6("fd090000000000000000000000000002", "11"))),
        ("other v6", Frame(Own, "86dd", IPv6("fd090000000000000000000000000001", "11"))),
        ("own interface identifier", Frame(Own, "86dd", IPv6("fd12000000000000" + "00420afffe090002", "11"))),
        ("own arp", Frame(Own, "0806", Arp(Own, "0a090002"))),
        ("arp for another address", Frame(Own, "0806", Arp(Own, "0a090001"))),
        ("arp with another mac", Frame(Own, "0806", Arp(Other, "0a090002"))),
        ("own advertisement", Frame(Own, "86dd", IPv6("fd090000000000000000000000000002", "3a", "88000000e0000000fd090000000000000000000000000002"))),
        ("advertisement for another", Frame(Own, "86dd", IPv6("fd090000000000000000000000000002", "3a", "88000000e0000000fd090000000000000000000000000001"))),
        ("router advertisement", Frame(Own, "86dd", IPv6("fd090000000000000000000000000002", "3a", "8600000000000000"))),
        ("advertisement behind options", Frame(Own, "86dd", IPv6("fd090000000000000000000000000002", "00", "3a00050200000000" + "88000000e0000000fd090000000000000000000000000001"))),
        ("another protocol", Frame(Own, "88b5", "00")),
        ("vlan tag", Frame(Own, "8100", "0005" + "0800" + IPv4("0a090002"))),
    ];

    private static List<string> Arriving(ContainerPlumbing net, SafeFileHandle tap)
    {
        net.Host.Enter();
        // Behind a cable of its own: everything that arrives, as it arrives.
        using var socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)0x0300);
        var arrived = new List<string>();
        byte[] buffer = new byte[2000];
        foreach ((string name, string frame) in Frames)
        {
            while (socket.Available > 0) _ = socket.Receive(buffer);
            // The kernel carries it all the way before the write returns.
            FileDescriptor.WriteAll(tap, [.. new byte[12], .. Convert.FromHexString(frame)]);
            bool found = false;
            while (socket.Available > 0)
            {
                int n = socket.Receive(buffer);
                found |= Convert.ToHexStringLower(buffer.AsSpan(0, n)).Contains(Mark, StringComparison.Ordinal);
            }

            if (found) arrived.Add(name);
        }

        return arrived;
    }

    private const string Mark = "52554e43564d";

    private static string Frame(string from, string type, string payload)
        => "ffffffffffff" + from + type + payload + "52554e43564d" + new string('0', 40);

    private static string IPv4(string source) => "450000320000000040110000" + source + "0a090001";

    private static string IPv6(string source, string nextHeader, string payload = "")
        => $"600000000030{nextHeader}ff" + source + "fd090000000000000000000000000001" + payload;

    private static string Arp(string mac, string address) => "0001080006040002" + mac + address + "ffffffffffff" + "0a090001";
}
