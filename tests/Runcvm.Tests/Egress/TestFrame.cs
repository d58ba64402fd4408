using Runcvm.Tests.Network;

namespace Runcvm.Tests.Egress;

/// <summary>Frames as a machine could write them into its tap, in hexadecimal digits. Checksums are left out: filters
/// do not look at them.</summary>
internal static class TestFrame
{
    internal const string Gateway = "0a090001";
    internal const string Gateway6 = "fd090000000000000000000000000001";
    internal const string Own4 = "0a090002";
    internal const string Own6 = "fd090000000000000000000000000002";
    internal const string Mark = "52554e43564d";

    private const string Card = "024200000001";

    private static readonly string OwnCard =
        ContainerPlumbing.HardwareAddress.Replace(":", "", StringComparison.Ordinal);

    internal static string Ethernet(string type, string payload, string to = Card)
        => to + OwnCard + type + payload + Mark;

    internal static string IPv4(
        string protocol, string payload, string to = Gateway, string from = Own4, string fragment = "4000",
            string begin = "4500", string card = Card)
        => Ethernet("0800", $"{begin}003c0000{fragment}40{protocol}0000{from}{to}{payload}", card);

    internal static string IPv6(
        string next, string payload, string to = Gateway6, string from = Own6, string hops = "40", string card = Card)
        => Ethernet("86dd", $"600000000028{next}{hops}{from}{to}{payload}", card);

    internal static string Tcp(int port, int from = 40000, string flags = "02")
        => $"{from:x4}{port:x4}00000001000000025{"0"}{flags}ffff00000000";

    internal static string Udp(int port, int from = 40000) => $"{from:x4}{port:x4}00100000";

    internal static string Ping(string type, string number = "1234") => $"{type}000000{number}0001";

    internal static string Arp(string to)
        => Ethernet("0806", "0001080006040001" + OwnCard + Own4 + "000000000000" + to, "ffffffffffff");

    internal static string Solicitation(string target, string to, string hops = "ff", string card = "3333ff000001")
        => IPv6("3a", "8700000000000000" + target + "0101" + OwnCard, to, hops: hops, card: card);

    /// <summary>The header that a virtio card puts in front: nothing is left to do.</summary>
    internal const string Finished = "000000000000000000000000";

    /// <summary>And one that leaves a checksum to whoever sends the frame on.</summary>
    internal static string Unfinished(int start, int offset)
        => "0100" + "0000" + "0000" + Half(start) + Half(offset) + "0000";

    private static string Half(int number) => $"{number & 0xFF:x2}{number >> 8:x2}";
}
