using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Brokering;

/// <summary>Where the broker is asked to bind one of the sockets that it was given, or to connect to one that was
/// mounted for it.</summary>
/// <param name="ports">sockets for shared ports</param>
/// <param name="forwarded">how many sockets of the host there are</param>
internal sealed class SocketDesk(IReadOnlyList<SafeFileHandle> ports, int forwarded)
{
    /// <summary>Answers until the socket is closed.</summary>
    /// <exception cref="WireFormatException">a question that the supervisor does not ask</exception>
    internal void Serve(SafeFileHandle socket)
    {
        while (BrokerQuestion.Receive(socket) is { } question)
        {
            int known = question.Act == BrokerAct.Bind ? ports.Count : forwarded;
            if (question.Index >= known) throw new WireFormatException($"a question about socket {question.Index}");
            if (question.Act == BrokerAct.Bind) FileDescriptor.WriteAll(socket, [(byte)Bind(question)]);
            else Connect(socket, question.Index);
        }
    }

    private TakenPort Bind(BrokerQuestion question)
    {
        SafeFileHandle socket = ports[question.Index];
        if (socket.IsClosed) throw new WireFormatException($"a second port for socket {question.Index}");
        var port = new ListeningPort(
            question.Port, question.LoopbackOnly, IsDatagram: SharedPorts.IsDatagram(question.Index));
        TakenPort taken = SharedPorts.Take(socket, port);
        // The port is free again when the supervisor closes it.
        if (taken != TakenPort.None) socket.Dispose();
        return taken;
    }

    private static void Connect(SafeFileHandle socket, int index)
    {
        (SafeFileHandle? connected, Errno errno) = TryConnect(BrokerTree.Socket(index));
        Span<byte> error = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(error, (ushort)errno);
        if (connected == null) FileDescriptor.WriteAll(socket, error);
        else
            using (connected) UnixSocket.SendWithFiles(socket, error, [connected]);
    }

    private static (SafeFileHandle? Connected, Errno Errno) TryConnect(string path)
    {
        try
        {
            SafeFileHandle? connected = UnixSocket.TryConnect(path);
            return (connected, connected == null ? Errno.EAGAIN : Errno.None);
        }
        catch (LinuxException e)
        {
            return (null, e.Errno);
        }
    }
}
