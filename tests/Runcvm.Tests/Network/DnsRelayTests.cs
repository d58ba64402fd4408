using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Network;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

public class DnsRelayTests
{
    [Fact]
    public void Questions_over_udp_and_tcp_find_their_own_answers() => TestNamespace.Run(() =>
    {
        using var ns = new TestNamespace();
        using Socket udpServer = ContainerPlumbing.Bound("127.0.0.11", 53);
        using var tcpServer = new TcpListener(IPAddress.Parse("127.0.0.11"), 53);
        tcpServer.Start();
        using Socket first = ContainerPlumbing.Bound("127.0.0.1", 0);
        using Socket second = ContainerPlumbing.Bound("127.0.0.1", 0);

        Relay relay = Relay.Start(ns);
        ContainerPlumbing.Send(first, "169.254.53.53", 53, "first");
        ContainerPlumbing.Send(second, "169.254.53.53", 53, "second");
        var asked = new Dictionary<string, EndPoint>();
        for (int i = 0; i < 2; i++)
        {
            byte[] buffer = new byte[100];
            EndPoint from = new IPEndPoint(IPAddress.Any, 0);
            int n = udpServer.ReceiveFrom(buffer, ref from);
            asked[System.Text.Encoding.ASCII.GetString(buffer, 0, n)] = from;
        }

        foreach (string question in (string[])["second", "first"])
            udpServer.SendTo(System.Text.Encoding.ASCII.GetBytes($"{question} answered"), asked[question]);
        Assert.Equal("first answered", ContainerPlumbing.Receive(first));
        Assert.Equal("second answered", ContainerPlumbing.Receive(second));

        using var client = new TcpClient("169.254.53.53", 53);
        client.GetStream().Write([0, 2, 7, 8]);
        using (TcpClient server = tcpServer.AcceptTcpClient())
        {
            byte[] question = new byte[4];
            server.GetStream().ReadExactly(question);
            Assert.Equal([0, 2, 7, 8], question);
            server.GetStream().Write([0xFF, 0xFF, .. new byte[65535]]);
            client.GetStream().ReadExactly(new byte[65537]);
        }

        relay.Stop();
    });

    [Fact]
    public void A_thousand_questions_at_once_are_all_answered() => TestNamespace.Run(() =>
    {
        const int Clients = 10, Questions = 100;
        using var ns = new TestNamespace();
        using Socket server = ContainerPlumbing.Bound("127.0.0.11", 53);
        InternetSocket.SetReceiveBuffer(new SafeFileHandle(server.Handle, ownsHandle: false), Clients * Questions * 1024);
        Socket[] clients = [.. Enumerable.Range(0, Clients).Select(static _ => ContainerPlumbing.Bound("127.0.0.1", 0))];
        Relay relay = Relay.Start(ns);
        for (int i = 0; i < Clients * Questions; i++)
            ContainerPlumbing.Send(clients[i % Clients], "169.254.53.53", 53, $"question {i}");
        byte[] buffer = new byte[100];
        for (int i = 0; i < Clients * Questions; i++)
        {
            EndPoint from = new IPEndPoint(IPAddress.Any, 0);
            int n = server.ReceiveFrom(buffer, ref from);
            server.SendTo(buffer.AsSpan(0, n), from);
        }

        for (int i = 0; i < Clients; i++)
        {
            IEnumerable<string> answers = Enumerable.Range(0, Questions).Select(_ => ContainerPlumbing.Receive(clients[i])).ToList();
            Assert.Equal(Questions, answers.Distinct().Count());
            Assert.All(answers, answer => Assert.Equal(i, int.Parse(answer["question ".Length..], null) % Clients));
            clients[i].Dispose();
        }

        relay.Stop();
    });

    /// <summary>Both halves on one event loop, with a pair of sockets for the channel between them.</summary>
    private sealed class Relay(Thread thread, SafeFileHandle hangUp)
    {
        internal static Relay Start(TestNamespace ns)
        {
            (SafeFileHandle guestEnd, SafeFileHandle hostEnd) = UnixSocket.Pair();
            SafeFileHandle hangUp = FileDescriptor.Duplicate(hostEnd);
            FileDescriptor.SetNonBlocking(guestEnd);
            FileDescriptor.SetNonBlocking(hostEnd);
            using var ready = new ManualResetEventSlim();
            var thread = new Thread(() =>
            {
                ns.Enter();
                using var loop = new EventLoop();
                using var guest = new AsyncFile(loop, guestEnd);
                using var host = new AsyncFile(loop, hostEnd);
                using var listener = new DnsListener(loop, guest.WriteAsync);
                var forwarder = new DnsForwarder(loop, static () => new IPv4End(0x7F00000B, 53), host.WriteAsync);
                listener.Open();
                Task serving = Task.WhenAll(listener.RunAsync(guest.ReadAsync), forwarder.RunAsync(host.ReadAsync));
                ready.Set();
                loop.Run(serving);
            });
            thread.Start();
            ready.Wait(TimeSpan.FromSeconds(5));
            return new Relay(thread, hangUp);
        }

        internal void Stop()
        {
            using (var end = new Socket(new SafeSocketHandle(hangUp.DangerousGetHandle(), false)))
                end.Shutdown(SocketShutdown.Both);
            hangUp.Dispose();
            Assert.True(thread.Join(TimeSpan.FromSeconds(5)));
        }
    }
}
