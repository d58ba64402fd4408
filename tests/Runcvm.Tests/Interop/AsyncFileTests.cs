using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;

namespace Runcvm.Tests.Interop;

public sealed class AsyncFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    // As the streams of a container that was started with `>file 2>&1`.
    [Fact]
    public void What_is_written_to_a_regular_file_comes_behind_what_its_other_users_wrote()
    {
        using SafeFileHandle original = FileDescriptor.Open(_path, OpenFlags.WriteOnly);
        FileDescriptor.WriteAll(original, "before\n"u8);
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            using AsyncFile output = AsyncFile.Reopen(loop, original, forWriting: true, forReading: false);
            using AsyncFile error = AsyncFile.Reopen(loop, original, forWriting: true, forReading: false);
            await output.WriteAsync(Encoding.UTF8.GetBytes("output\n"));
            await error.WriteAsync(Encoding.UTF8.GetBytes("error\n"));
            return 0;
        });
        FileDescriptor.WriteAll(original, "after\n"u8);
        Assert.Equal("before\noutput\nerror\nafter\n", File.ReadAllText(_path));
    }

    [Fact]
    public void A_datagram_may_be_empty()
    {
        using var receiver = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 3000 };
        receiver.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var end = new IPv4End(0x7F000001, (ushort)((IPEndPoint)receiver.LocalEndPoint!).Port);
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            using var socket = new AsyncFile(loop, InternetSocket.ConnectDatagram(end));
            foreach (byte[] datagram in (byte[][])[[], [1, 2]]) await socket.WriteDatagramAsync(datagram);
            return 0;
        });
        Assert.Equal([0, 2], [receiver.Receive(new byte[10]), receiver.Receive(new byte[10])]);
    }
}
