using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Supervisor;
using Runcvm.Tests.Protocol.Frames;

namespace Runcvm.Tests.Supervisor;

public class PortRelayTests
{
    // The guest is asked to connect to itself, and would take whoever it is for itself.
    [Fact]
    public void Who_is_not_served_is_reset_and_the_guest_hears_nothing()
    {
        var pair = new ConnectedPair();
        Channel control = pair.Guest.Open(Start.ControlChannel);
        Task<ReceivedMessage?> heard = new MessageReader(control.ReadAsync).ReadAsync().AsTask();
        using var loop = new EventLoop();
        SafeFileHandle listener = InternetSocket.ListenStream(new IPv4End(0x7F000001, 0));
        SafeFileHandle datagrams = InternetSocket.BindDatagram(new IPv4End(0x7F000001, 0));
        int port = PortOf(listener), datagramPort = PortOf(datagrams);
        var asked = new List<string>();
        using (var relay = new PortRelay(
            loop, new GuestLink(pair.Host), taken => taken.IsDatagram ? datagrams : listener, keepsPorts: false,
            address => { asked.Add(new IPAddress(address).ToString()); return false; }, new MachineLog(0)))
        {
            relay.Update([new(80, false, IsDatagram: false), new(53, false, IsDatagram: true)]);
            using var client = new TcpClient();
            using var sender = new UdpClient();
            sender.Send("hello"u8, new IPEndPoint(IPAddress.Loopback, datagramPort));
            client.Connect(IPAddress.Loopback, port);
            loop.Run(async () =>
            {
                while (asked.Count < 2) await loop.DelayAsync(TimeSpan.FromMilliseconds(5));
                return 0;
            });
            client.ReceiveTimeout = 10_000;
            var refusal = Assert.Throws<SocketException>(() => client.Client.Receive(new byte[1]));
            Assert.Equal(SocketError.ConnectionReset, refusal.SocketErrorCode);
        }

        Assert.Equal(["127.0.0.1", "127.0.0.1"], asked);
        pair.Settle();
        Assert.False(heard.IsCompleted);
    }

    private static int PortOf(SafeFileHandle socket)
    {
        using var copy = new Socket(new SafeSocketHandle(socket.DangerousGetHandle(), ownsHandle: false));
        return ((IPEndPoint)copy.LocalEndPoint!).Port;
    }
}
