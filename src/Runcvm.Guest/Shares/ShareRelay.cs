using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Devices;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;

namespace Runcvm.Guest.Shares;

/// <summary>Carries the kernel's requests for shared files to the host and the answers back, on threads of its own: the
/// event loop itself may have to wait for a shared file, and must find somebody at work then.</summary>
internal sealed class ShareRelay
{
    /// <summary>Two, so that small requests overtake a long one that is being sent.</summary>
    private const int ReadersPerShare = 2;
    private const int ThreadStack = 256 * 1024;

    /// <summary>Set after each answer.</summary>
    internal static AutoResetEvent Answered { get; } = new(false);

    private readonly ShareSender _sender;
    private readonly FuseDevice?[] _devices;

    /// <param name="stream">to the host, for nothing but shares</param>
    /// <param name="count">of the shares</param>
    internal ShareRelay(SafeFileHandle stream, int count)
    {
        var waiting = new WaitingFile(stream);
        _sender = new ShareSender(waiting.Write);
        _devices = new FuseDevice?[count];
        // Until the host's side is connected a read would report the end of the stream; a port takes output from then on.
        waiting.WaitWritable();
        // One call instead of three for each message.
        FileDescriptor.SetNonBlocking(stream, false);
        Run(() => ForwardReplies(waiting));
    }

    /// <summary>Serves a connection that was mounted, as long as it is.</summary>
    internal void Serve(ushort share, FuseDevice device)
    {
        _devices[share] = device;
        for (int i = 0; i < ReadersPerShare; i++) Run(() => ForwardRequests(share, device));
    }

    private void ForwardRequests(ushort share, FuseDevice device)
    {
        byte[] buffer = new byte[ShareFrame.Size + ShareFrame.MaxMessage];
        while (device.Read(buffer.AsSpan(ShareFrame.Size)) is > 0 and int length)
            _sender.Send(share, buffer.AsSpan(0, ShareFrame.Size + length));
    }

    private void ForwardReplies(WaitingFile stream)
    {
        var receiver = new ShareReceiver(stream.Read);
        while (receiver.Receive() is { } message)
        {
            FuseDevice device = (message.Share < _devices.Length ? _devices[message.Share] : null)
                ?? throw new WireFormatException($"the host answers on share {message.Share}, which is not there");
            try
            {
                device.Write(message.Span);
            }
            catch (LinuxException e)
            {
                OwnDevices.WriteToKernelLog(4, e.Message);
                device.Write(Failure(message.Span));
            }

            message.Return();
            Answered.Set();
        }

        throw new IOException("the host ended the stream of the shares");
    }

    // struct fuse_out_header: length, error, the request that it answers. Whoever waits must get an answer.
    private static byte[] Failure(ReadOnlySpan<byte> reply)
    {
        byte[] failure = reply[..ShareFrame.MinMessage].ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(failure, failure.Length);
        BinaryPrimitives.WriteInt32LittleEndian(failure.AsSpan(4), -(int)Errno.EIO);
        return failure;
    }

    /// <summary>Starts a thread without which the machine cannot go on.</summary>
    internal static void Run(Action work) => new Thread(() => Guard(work), ThreadStack) { IsBackground = true }.Start();

    // Without its shares the machine cannot go on, and whoever waits for one would wait for ever.
    private static void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e)
        {
            OwnDevices.WriteToKernelLog(3, e.Message);
            Machine.Restart();
        }
    }
}
