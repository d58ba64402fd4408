using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.VirtioFs;

namespace Runcvm.Tests.VirtioFs;

/// <summary>QEMU's side of the vhost-user socket: sends messages, well formed or not, to a
/// <see cref="VhostUserDevice"/> that serves on a thread of its own.</summary>
internal sealed class VhostUserFrontEnd : IDisposable
{
    private const int HeaderSize = 12;

    private readonly SafeFileHandle _socket;
    private readonly Thread _device;

    internal VhostUserFrontEnd(RingServer server)
    {
        (_socket, SafeFileHandle theirs) = UnixSocket.Pair();
        _device = new Thread(() => Serve(theirs, server)) { IsBackground = true, Name = "vhost-user device" };
        _device.Start();
    }

    /// <summary>Why the device gave up; null after <see cref="End"/> where it saw the end of the stream between two
    /// messages.</summary>
    internal Exception? Reason { get; private set; }

    internal bool IsServed => _device.IsAlive && !_socket.IsClosed;

    /// <summary>Sends a message that has no answer.</summary>
    internal void Send(VhostRequest request, ReadOnlySpan<byte> body, params ReadOnlySpan<SafeFileHandle> files)
        => SendRaw([.. Header(request, 1, body.Length), .. body], files);

    internal void Send(VhostRequest request, ulong number) => Send(request, Bytes(number));

    /// <summary>Sends a message and asks for the acknowledgement, so that it is known to have been handled.</summary>
    internal void Acknowledged(VhostRequest request, ReadOnlySpan<byte> body, params ReadOnlySpan<SafeFileHandle> files)
    {
        SendRaw([.. Header(request, 9, body.Length), .. body], files);
        Assert.Equal(0UL, Receive(request));
    }

    internal void Acknowledged(VhostRequest request, uint ring, uint value)
        => Acknowledged(request, State(ring, value));

    /// <summary>Asks for a number.</summary>
    internal ulong Ask(VhostRequest request, ulong number = 0)
    {
        Send(request, number);
        return Receive(request);
    }

    internal void SendRaw(ReadOnlySpan<byte> message, params ReadOnlySpan<SafeFileHandle> files)
        => UnixSocket.SendWithFiles(_socket, message, files);

    /// <summary>Closes the socket and waits until the device has seen it.</summary>
    internal void End()
    {
        _socket.Dispose();
        AwaitReason();
    }

    /// <summary>Waits until the device gives up, and gives the reason.</summary>
    internal Exception? AwaitReason()
    {
        Assert.True(_device.Join(TimeSpan.FromSeconds(30)), "the device goes on");
        return Reason;
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Body of the messages that tell one number of one ring: struct vhost_vring_state.</summary>
    internal static byte[] State(uint ring, uint value) => Bytes(ring | (ulong)value << 32);

    internal static byte[] Bytes(params ReadOnlySpan<ulong> numbers)
    {
        byte[] bytes = new byte[numbers.Length * sizeof(ulong)];
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i * sizeof(ulong)), numbers[i]);
        return bytes;
    }

    internal static byte[] Header(VhostRequest request, uint flags, int length)
    {
        byte[] header = new byte[HeaderSize];
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)request);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), flags);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), length);
        return header;
    }

    /// <summary>The number in the next answer, which is to be that to this request.</summary>
    internal ulong Receive(VhostRequest request)
    {
        var stream = new WaitingFile(_socket);
        byte[] reply = new byte[HeaderSize + sizeof(ulong)];
        for (int got = 0, n; got < reply.Length; got += n)
        {
            n = stream.Read(reply.AsSpan(got));
            Assert.True(n > 0, $"the device ended: {Reason}");
        }

        Assert.Equal((uint)request, BinaryPrimitives.ReadUInt32LittleEndian(reply));
        Assert.Equal(5U, BinaryPrimitives.ReadUInt32LittleEndian(reply.AsSpan(4)));
        Assert.Equal(8U, BinaryPrimitives.ReadUInt32LittleEndian(reply.AsSpan(8)));
        return BinaryPrimitives.ReadUInt64LittleEndian(reply.AsSpan(HeaderSize));
    }

    private void Serve(SafeFileHandle socket, RingServer server)
    {
        try
        {
            using (socket) new VhostUserDevice(socket, server).Serve();
        }
        catch (Exception e)
        {
            Reason = e;
        }
    }
}
