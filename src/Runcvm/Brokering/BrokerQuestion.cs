using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;

namespace Runcvm.Brokering;

/// <summary>What the supervisor may ask for, over and over.</summary>
internal enum BrokerAct : byte
{
    /// <summary>Bind a socket that the broker was given, and listen.</summary>
    Bind = 1,

    /// <summary>Connect to a socket of the host that is forwarded.</summary>
    Connect = 2,
}

/// <summary>One question, of which each has the same few bytes.</summary>
/// <param name="Act">what to do</param>
/// <param name="Index">with which socket</param>
/// <param name="Port">to bind</param>
/// <param name="LoopbackOnly">bind at the loopback addresses alone</param>
internal readonly record struct BrokerQuestion(BrokerAct Act, ushort Index, ushort Port, bool LoopbackOnly)
{
    private const int Size = 6;

    internal void Send(SafeFileHandle socket)
    {
        Span<byte> bytes = stackalloc byte[Size];
        bytes[0] = (byte)Act;
        bytes[1] = LoopbackOnly ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[2..], Index);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], Port);
        FileDescriptor.WriteAll(socket, bytes);
    }

    /// <summary>The next one, or null when the other side has closed the socket.</summary>
    /// <exception cref="WireFormatException">it is none</exception>
    internal static BrokerQuestion? Receive(SafeFileHandle socket)
    {
        Span<byte> bytes = stackalloc byte[Size];
        for (int got, at = 0; at < Size; at += got)
        {
            got = FileDescriptor.TryRead(socket, bytes[at..]);
            if (got <= 0) return at == 0 ? null : throw new WireFormatException("a question without its end");
        }

        var act = (BrokerAct)bytes[0];
        if (act is not (BrokerAct.Bind or BrokerAct.Connect) || bytes[1] > 1)
            throw new WireFormatException($"a question of kind {bytes[0]}");
        return new BrokerQuestion(
            act, BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]), bytes[1] == 1);
    }
}
