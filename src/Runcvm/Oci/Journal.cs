using System.Buffers.Binary;
using System.Text;
using Runcvm.Linux.Sockets;

namespace Runcvm.Oci;

/// <summary>The journal of a host with systemd: one entry is one datagram of fields. See systemd's "Native Journal Protocol".</summary>
internal static class Journal
{
    internal const int Error = 3;
    internal const int Info = 6;

    internal const string Socket = "/run/systemd/journal/socket";

    /// <summary>Writes an entry, where there is a journal. One that takes nothing just now must not hold a container up.</summary>
    internal static void Write(int priority, string message, IEnumerable<(string Name, string Value)> fields, string socket = Socket)
    {
        if (!File.Exists(socket)) return;
        using var entry = new MemoryStream();
        Add(entry, "MESSAGE", message);
        Add(entry, "PRIORITY", priority.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Add(entry, "SYSLOG_IDENTIFIER", "runcvm");
        foreach ((string name, string value) in fields) Add(entry, name, value);
        UnixSocket.TrySendDatagram(socket, entry.ToArray());
    }

    private static void Add(MemoryStream entry, string name, string value)
    {
        // More than any sentence of ours has, and far below the largest datagram.
        const int Longest = 16 * 1024;
        byte[] bytes = Encoding.UTF8.GetBytes(value.Length <= Longest ? value : value[..Longest]);
        entry.Write(Encoding.UTF8.GetBytes(name));
        if (Array.IndexOf(bytes, (byte)'\n') < 0)
        {
            entry.WriteByte((byte)'=');
        }
        else
        {
            // A value of several lines comes with its length.
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)bytes.Length);
            entry.WriteByte((byte)'\n');
            entry.Write(length);
        }

        entry.Write(bytes);
        entry.WriteByte((byte)'\n');
    }
}
