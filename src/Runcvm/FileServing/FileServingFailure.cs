using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;

namespace Runcvm.FileServing;

/// <summary>The only thing that the file server says: why it ends before the machine. A guest may have taken it over,
/// so the
/// supervisor reads little of it, and shows it without control characters.</summary>
/// <param name="IsBrokenProtocol">the guest or its hypervisor sent what cannot be; else the server could not go
/// on</param>
/// <param name="Reason">one sentence</param>
internal sealed record FileServingFailure(bool IsBrokenProtocol, string Reason)
{
    /// <summary>Of what the file server says in all.</summary>
    internal const int MostBytes = 1024;

    private const byte Broken = 1;
    private const byte Failed = 2;

    internal void Send(SafeFileHandle socket)
    {
        byte[] text = Encoding.UTF8.GetBytes(Reason);
        byte[] message = [IsBrokenProtocol ? Broken : Failed, .. text.AsSpan(0, Math.Min(text.Length, MostBytes - 1))];
        FileDescriptor.WriteAll(socket, message);
    }

    /// <summary>Reads what came until the end of the socket, or until there was enough; null for nothing.</summary>
    internal static FileServingFailure? Read(ReadOnlySpan<byte> said)
    {
        if (said.IsEmpty) return null;
        string text = Encoding.UTF8.GetString(said[1..]);
        // As in all that comes from strangers: nothing that a terminal acts on, and one line.
        string safe = string.Concat(text.Select(static c => char.IsControl(c) ? ' ' : c)).Trim();
        if (said[0] is not (Broken or Failed) || safe.Length == 0) return new FileServingFailure(true, "the file server said what it cannot say");
        return new FileServingFailure(said[0] == Broken, safe);
    }

    /// <summary>For whoever runs the machine.</summary>
    internal Exception ToException() => IsBrokenProtocol ? new WireFormatException(Reason) : new UsageException(Reason);
}
