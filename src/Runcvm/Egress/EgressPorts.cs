using System.Globalization;

namespace Runcvm.Egress;

/// <summary>Which ports a rule is about.</summary>
/// <param name="Ranges">protocol, first and last port</param>
/// <param name="Echo">whether pings are meant</param>
internal sealed record EgressPorts(IReadOnlyList<(byte Protocol, ushort First, ushort Last)> Ranges, bool Echo)
{
    internal const byte Tcp = 6;
    internal const byte Udp = 17;

    /// <summary>A bit for each port of TCP, then of UDP, then a word of which the lowest bit is the ping's.</summary>
    internal const int BitmapSize = (2 * BitmapOfProtocol) + 8;
    internal const int BitmapOfProtocol = 8192;

    // Names are asked for at the machine's own nameserver only, unless a rule names these ports.
    private const ushort Dns = 53;
    private const ushort DnsOverTls = 853;

    /// <summary>What a rule without ports means.</summary>
    internal static EgressPorts Any { get; } = new([.. Around(Tcp), .. Around(Udp)], true);

    /// <summary>What a refusal without ports means.</summary>
    internal static EgressPorts Every { get; } = new([(Tcp, 1, ushort.MaxValue), (Udp, 1, ushort.MaxValue)], true);

    /// <summary>PORT, FIRST-LAST, with tcp/ or udp/ in front, or icmp; with commas between them. Null for anything
    /// else.</summary>
    internal static EgressPorts? TryParse(string text)
    {
        var ranges = new List<(byte, ushort, ushort)>();
        bool echo = false;
        foreach (string item in text.Split(','))
        {
            if (item == "icmp")
            {
                echo = true;
                continue;
            }

            int slash = item.IndexOf('/', StringComparison.Ordinal);
            byte protocol = slash < 0 ? Tcp : item[..slash] switch { "tcp" => Tcp, "udp" => Udp, _ => (byte)0 };
            string[] ends = item[(slash + 1)..].Split('-');
            if (protocol == 0 || ends.Length > 2 || !TryPort(ends[0], out ushort first)
                || !TryPort(ends[^1], out ushort last) || last < first) return null;
            ranges.Add((protocol, first, last));
        }

        return new EgressPorts(ranges, echo);
    }

    /// <summary>Adds these to a bitmap.</summary>
    internal void AddTo(Span<byte> bitmap)
    {
        foreach ((byte protocol, ushort first, ushort last) in Ranges)
        {
            Span<byte> own = bitmap.Slice(protocol == Tcp ? 0 : BitmapOfProtocol, BitmapOfProtocol);
            for (int port = first; port <= last; port++) own[port >> 3] |= (byte)(1 << (port & 7));
        }

        if (Echo) bitmap[2 * BitmapOfProtocol] |= 1;
    }

    /// <summary>Whether a port is in a bitmap, as the kernel's program looks; of other protocols, pings.</summary>
    internal static bool IsIn(ReadOnlySpan<byte> bitmap, int protocol, int port)
        => protocol switch
        {
            Tcp => (bitmap[port >> 3] & (1 << (port & 7))) != 0,
            Udp => (bitmap[BitmapOfProtocol + (port >> 3)] & (1 << (port & 7))) != 0,
            _ => (bitmap[2 * BitmapOfProtocol] & 1) != 0,
        };

    /// <summary>Whether all of these are among the others.</summary>
    internal bool AreAmong(EgressPorts others)
    {
        byte[] own = new byte[BitmapSize], theirs = new byte[BitmapSize];
        AddTo(own);
        others.AddTo(theirs);
        return !own.Where((bits, i) => (bits & ~theirs[i]) != 0).Any();
    }

    private static IEnumerable<(byte, ushort, ushort)> Around(byte protocol)
        => [(protocol, 1, Dns - 1), (protocol, Dns + 1, DnsOverTls - 1), (protocol, DnsOverTls + 1, ushort.MaxValue)];

    private static bool TryPort(string text, out ushort port)
        => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port > 0;
}
