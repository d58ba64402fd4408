using System.Buffers.Binary;
using System.Globalization;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>The TCP ports at which somebody in the machine listens, as the kernel lists them: proc(5), /proc/net/tcp.</summary>
internal static class ListeningPorts
{
    // More services than any machine has; the host takes as many.
    private const int MaxPorts = 256;

    internal static List<ListeningPort> Read()
    {
        var ports = new SortedDictionary<ushort, bool>();
        foreach (string file in (string[])["/proc/net/tcp", "/proc/net/tcp6"])
        {
            if (!File.Exists(file)) continue;
            foreach (string line in File.ReadLines(file)) Add(line, ports);
        }

        return [.. ports.Take(MaxPorts).Select(static port => new ListeningPort(port.Key, port.Value))];
    }

    // "  0: 0100007F:1F90 00000000:0000 0A …": words of the address in the machine's byte order, port, other end, state.
    internal static void Add(string line, SortedDictionary<ushort, bool> ports)
    {
        const string Listen = "0A";
        string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 4 || fields[3] != Listen) return;
        int colon = fields[1].IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !ushort.TryParse(fields[1].AsSpan(colon + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ushort port)) return;
        ReadOnlySpan<char> address = fields[1].AsSpan(0, colon);
        if (IsNameserver(address)) return;
        bool loopback = IsLoopback(address);
        ports[port] = loopback && (!ports.TryGetValue(port, out bool before) || before);
    }

    // Our own, see DnsListener.
    private static bool IsNameserver(ReadOnlySpan<char> address)
        => address.Length == 8 && uint.TryParse(address, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint word)
            && BinaryPrimitives.ReverseEndianness(word) == DnsListener.End.Address;

    // 127.0.0.0/8, the same mapped into IPv6, and ::1.
    private static bool IsLoopback(ReadOnlySpan<char> address)
        => (address.Length == 8 && address.EndsWith("7F"))
        || (address.Length == 32 && address.StartsWith("0000000000000000FFFF0000") && address.EndsWith("7F"))
        || (address.Length == 32 && address.SequenceEqual("00000000000000000000000001000000"));
}
