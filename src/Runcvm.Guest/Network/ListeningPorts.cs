using System.Buffers.Binary;
using System.Globalization;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Network;

/// <summary>The ports at which somebody in the machine listens, as the kernel lists them: proc(5), /proc/net/tcp. At UDP
/// ports nobody listens, strictly speaking; sockets without another end are taken for services, but for those at ports that
/// the kernel gives to clients.</summary>
internal sealed class ListeningPorts
{
    // More services than any machine has; the host takes as many.
    private const int MaxPorts = 256;
    private const int ClientPorts = 32768;
    private const int LastClientPort = 60999;

    private readonly SortedDictionary<(bool IsDatagram, ushort Port), bool> _loopbackOnly = [];
    private (int First, int Last) _clients = (ClientPorts, LastClientPort);
    private bool _onlyMapped;

    internal static List<ListeningPort> Read()
    {
        var ports = new ListeningPorts { _clients = ClientRange() };
        foreach (string file in (string[])["/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"]) ports.AddFile(file);
        return ports.All();
    }

    /// <summary>Whether a port is to be had over IPv6 alone, as far as the kernel's lists tell.</summary>
    internal static bool IsOnlyIPv6(ushort port, bool isDatagram)
    {
        var ports = new ListeningPorts { _clients = (1, 0), _onlyMapped = true };
        foreach (string suffix in (string[])["", "6"]) ports.AddFile((isDatagram ? "/proc/net/udp" : "/proc/net/tcp") + suffix);
        return !ports._loopbackOnly.ContainsKey((isDatagram, port));
    }

    internal List<ListeningPort> All()
        => [.. _loopbackOnly.Take(MaxPorts).Select(static port => new ListeningPort(port.Key.Port, port.Value, port.Key.IsDatagram))];

    // "  0: 0100007F:1F90 00000000:0000 0A …": words of the address in the machine's byte order, port, other end, state.
    internal void Add(string line, bool isDatagram)
    {
        const string Listen = "0A", Unconnected = "07";
        string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 4 || fields[3] != (isDatagram ? Unconnected : Listen)) return;
        int colon = fields[1].IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !ushort.TryParse(fields[1].AsSpan(colon + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ushort port)) return;
        if (isDatagram && (port == 0 || (port >= _clients.First && port <= _clients.Last))) return;
        ReadOnlySpan<char> address = fields[1].AsSpan(0, colon);
        if (IsNameserver(address) || (_onlyMapped && address.Length == 32 && !IsMapped(address))) return;
        bool loopback = IsLoopback(address);
        _loopbackOnly[(isDatagram, port)] = loopback && (!_loopbackOnly.TryGetValue((isDatagram, port), out bool before) || before);
    }

    private void AddFile(string file)
    {
        // A kernel without IPv6 has only half of them.
        if (!File.Exists(file)) return;
        bool isDatagram = file.Contains("udp", StringComparison.Ordinal);
        foreach (string line in File.ReadLines(file)) Add(line, isDatagram);
    }

    private static (int First, int Last) ClientRange()
    {
        string[] range = File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return (int.Parse(range[0], CultureInfo.InvariantCulture), int.Parse(range[1], CultureInfo.InvariantCulture));
    }

    // Our own, see DnsListener.
    private static bool IsNameserver(ReadOnlySpan<char> address)
        => address.Length == 8 && uint.TryParse(address, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint word)
            && BinaryPrimitives.ReverseEndianness(word) == DnsListener.End.Address;

    // ::ffff:0:0/96, IPv4 by way of an IPv6 socket.
    private static bool IsMapped(ReadOnlySpan<char> address) => address.Length == 32 && address.StartsWith("0000000000000000FFFF0000");

    // 127.0.0.0/8, the same mapped into IPv6, and ::1.
    private static bool IsLoopback(ReadOnlySpan<char> address)
        => (address.Length == 8 && address.EndsWith("7F"))
        || (IsMapped(address) && address.EndsWith("7F"))
        || (address.Length == 32 && address.SequenceEqual("00000000000000000000000001000000"));
}
