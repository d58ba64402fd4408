using System.Globalization;

namespace Runcvm.Network;

/// <summary>Docker's nameserver in a container's network namespace. It answers to 127.0.0.11, but listens at ports of its
/// own, to which rules in that namespace lead.</summary>
internal static class EngineNameserver
{
    private const string Address = "0B00007F";
    private const string Listening = "0A";
    private const string Unconnected = "07";

    /// <summary>Its UDP and TCP ports in the calling thread's namespace; 0 where it has none.</summary>
    internal static (ushort Udp, ushort Tcp) Ports() => (Find("udp", Unconnected), Find("tcp", Listening));

    private static ushort Find(string protocol, string state)
    {
        // See proc(5): number, address and port, other end, state.
        foreach (string line in File.ReadLines($"/proc/thread-self/net/{protocol}"))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 4 || fields[3] != state || !fields[1].StartsWith(Address + ":", StringComparison.Ordinal)) continue;
            return ushort.Parse(fields[1].AsSpan(Address.Length + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }

        return 0;
    }
}
