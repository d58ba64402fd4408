using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

/// <summary>What Docker makes: a namespace for the container whose eth0 leads to the host, both on this thread.</summary>
internal sealed class ContainerPlumbing : IDisposable
{
    internal const string HardwareAddress = "02:42:0a:09:00:02";

    internal ContainerPlumbing()
    {
        Host = new TestNamespace();
        Container = new TestNamespace();
        Host.Enter();
        TestNamespace.Command($"ip link add eth0 address {HardwareAddress} mtu 1400 netns {Container.Path} type veth peer name host0");
        TestNamespace.Command("ip link set host0 mtu 1400 up");
        TestNamespace.Command("ip addr add 10.9.0.1/24 dev host0");
        TestNamespace.Command("ip addr add fd09::1/64 dev host0 nodad");
        Container.Enter();
        TestNamespace.Command("ip link set eth0 up");
        TestNamespace.Command("ip addr add 10.9.0.2/24 dev eth0");
        TestNamespace.Command("ip addr add fd09::2/64 dev eth0 nodad");
        TestNamespace.Command("ip route add default via 10.9.0.1");
        TestNamespace.Command("ip route add default via fd09::1");
        TestNamespace.Command("ip route add 192.0.2.7 dev eth0 scope link");
        TestNamespace.Command("ip route add 198.51.100.0/24 via 192.0.2.7 dev eth0 metric 9");
    }

    internal TestNamespace Host { get; }

    internal TestNamespace Container { get; }

    public void Dispose()
    {
        Host.Dispose();
        Container.Dispose();
    }

    /// <summary>What ip says of the routes over eth0, in an order of its own.</summary>
    internal static IEnumerable<string> RoutesIn(TestNamespace ns)
    {
        ns.Enter();
        string all = TestNamespace.Command("ip route show dev eth0") + TestNamespace.Command("ip -6 route show dev eth0");
        return all.Split('\n').Order(StringComparer.Ordinal);
    }

    /// <summary>A socket in the thread's namespace.</summary>
    internal static Socket Bound(string address, int port)
    {
        var end = new IPEndPoint(IPAddress.Parse(address), port);
        var socket = new Socket(end.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 3000 };
        socket.Bind(end);
        return socket;
    }

    internal static void Send(Socket socket, string address, int port, string text)
        => socket.SendTo(System.Text.Encoding.ASCII.GetBytes(text), new IPEndPoint(IPAddress.Parse(address), port));

    internal static string Receive(Socket socket)
    {
        byte[] buffer = new byte[1000];
        return System.Text.Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    /// <summary>The Ethernet frames that come to a tap until they are all, or for ten seconds: a busy host hands them on later than sending over a veth returns.</summary>
    internal static List<byte[]> ReadUntil(SafeFileHandle tap, Func<List<byte[]>, bool> areAll)
    {
        const int VirtioHeaderSize = 12;
        using var loop = new EventLoop();
        using AsyncFile file = AsyncFile.NonBlocking(loop, FileDescriptor.Duplicate(tap));
        return loop.Run(async () =>
        {
            var frames = new List<byte[]>();
            byte[] buffer = new byte[70_000];
            Task patience = loop.DelayAsync(TimeSpan.FromSeconds(10));
            while (!areAll(frames))
            {
                Task<int> read = file.ReadAsync(buffer).AsTask();
                if (await Task.WhenAny(read, patience) == patience) break;
                frames.Add(buffer[VirtioHeaderSize..await read]);
            }

            return frames;
        });
    }

    internal static bool Holds(IEnumerable<byte[]> frames, string text)
        => frames.Any(frame => frame.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0);

    internal static int OfType(IEnumerable<byte[]> frames, int etherType)
        => frames.Count(frame => ((frame[12] << 8) | frame[13]) == etherType);
}
