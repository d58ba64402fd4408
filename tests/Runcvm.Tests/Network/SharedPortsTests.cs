using Microsoft.Win32.SafeHandles;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Tests.Netlink;

namespace Runcvm.Tests.Network;

/// <summary>Sockets of a namespace take the ports that a guest names.</summary>
public class SharedPortsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_socket_that_did_not_get_one_port_takes_another(bool isDatagram) => TestNamespace.Run(() =>
    {
        using var place = new TestNamespace();
        using SafeFileHandle first = SharedPorts.Make(isDatagram);
        using SafeFileHandle second = SharedPorts.Make(isDatagram);
        var port = new ListeningPort(80, LoopbackOnly: false, isDatagram);
        Assert.Equal(TakenPort.Listening, SharedPorts.Take(first, port));
        Assert.Equal(TakenPort.None, SharedPorts.Take(second, port));
        // Nobody has that port, and yet it cannot be had.
        TestNamespace.Command("ip address delete 127.0.0.1/8 dev lo");
        Assert.Equal(TakenPort.None, SharedPorts.Take(second, new ListeningPort(81, LoopbackOnly: true, isDatagram)));
        Assert.Equal(TakenPort.Listening, SharedPorts.Take(second, new ListeningPort(82, LoopbackOnly: false, isDatagram)));
    });
}
