using Microsoft.Win32.SafeHandles;
using Runcvm.Brokering;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Brokering;

/// <summary>What supervisor and broker say to each other, and what the broker does not do.</summary>
public sealed class BrokerTests : IDisposable
{
    private static readonly NetworkInterface Card = new(
        "eth0", [2, 0, 0, 0, 0, 1], 1500, [new([10, 0, 0, 2], 24, 0)], [new(new byte[4], 0, [10, 0, 0, 1], 0, 0)]);

    private readonly SafeFileHandle _ours;
    private readonly SafeFileHandle _theirs;

    public BrokerTests() => (_ours, _theirs) = UnixSocket.Pair();

    [Fact]
    public void An_order_arrives_as_it_was_sent()
    {
        var order = new BrokerOrder
        {
            Spares = 1,
            Interfaces = [Card],
            MaySpoof = true,
            Policies = 2,
            HasPrograms = true,
            KnowsNameservers = true,
            Nameservers = [[10, 0, 0, 53]],
            Ports = 96,
            Sockets = 3,
        };
        order.Send(_ours);
        var read = BrokerOrder.Receive(_theirs);
        Assert.Equal(order with { Interfaces = [], Nameservers = [] }, read with { Interfaces = [], Nameservers = [] });
        Assert.Equal("eth0", Assert.Single(read.Interfaces).Name);
        Assert.Equal([10, 0, 0, 53], Assert.Single(read.Nameservers));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ffffffff")]
    [InlineData("02000000 0100")]
    [InlineData("0e000000 0100 00000000 00 0000 0000 0000 00")] // a byte too many
    public void What_is_no_order_is_refused(string hex)
    {
        FileDescriptor.WriteAll(_ours, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        _ours.Dispose();
        Assert.Throws<WireFormatException>(() => BrokerOrder.Receive(_theirs));
    }

    [Theory]
    [InlineData(0, 0, 0, "")]
    [InlineData(1, 0, 0, "CAP_NET_ADMIN")]
    [InlineData(0, 96, 0, "CAP_NET_BIND_SERVICE")]
    [InlineData(1, 0, 2, "CAP_NET_ADMIN CAP_DAC_OVERRIDE")]
    public void It_has_what_the_machine_needs_and_is_not_there_for_nothing(
        ushort spares, ushort ports, ushort sockets, string capabilities)
    {
        var order = new BrokerOrder { Spares = spares, Ports = ports, Sockets = sockets };
        Assert.Equal(CapabilitySet.Of(capabilities.Split(' ')), order.Capabilities);
        Assert.Equal(capabilities.Length > 0, order.IsNeeded);
    }

    [Theory]
    [InlineData("00 00 0000 0000")] // of no kind
    [InlineData("03 00 0000 0000")]
    [InlineData("01 02 0000 0000")] // no flag
    [InlineData("01 00 0100 5000")] // a socket that is not there
    [InlineData("01 00 ffff 5000")]
    [InlineData("02 00 0000 0000")] // none is forwarded
    [InlineData("01 00 00")] // without its end
    public async Task A_question_that_nobody_asks_ends_the_broker(string hex)
    {
        using SafeFileHandle port = SharedPorts.Make(isDatagram: false);
        FileDescriptor.WriteAll(_ours, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        _ours.Dispose();
        await Assert.ThrowsAsync<WireFormatException>(() => ServeAsync(new SocketDesk([port], forwarded: 0)));
    }

    [Fact]
    public async Task It_binds_the_socket_that_both_have_and_ends_with_the_questions()
    {
        using SafeFileHandle port = SharedPorts.Make(isDatagram: false);
        Task serving = ServeAsync(new SocketDesk([FileDescriptor.Duplicate(port)], forwarded: 0));
        new BrokerQuestion(BrokerAct.Bind, 0, 0, LoopbackOnly: true).Send(_ours);
        byte[] taken = new byte[1];
        Assert.Equal(1, FileDescriptor.TryRead(_ours, taken));
        Assert.Equal(TakenPort.Listening, (TakenPort)taken[0]);
        Assert.Null(UnixSocket.TryAccept(port));
        _ours.Dispose();
        await serving;
    }

    [Fact]
    public async Task A_port_is_free_again_when_the_supervisor_lets_it_go_and_a_socket_has_one_port()
    {
        using SafeFileHandle port = SharedPorts.Make(isDatagram: false);
        SafeFileHandle copy = FileDescriptor.Duplicate(port);
        Task serving = ServeAsync(new SocketDesk([copy], forwarded: 0));
        new BrokerQuestion(BrokerAct.Bind, 0, 0, LoopbackOnly: true).Send(_ours);
        Assert.Equal(1, FileDescriptor.TryRead(_ours, new byte[1]));
        Assert.True(copy.IsClosed);
        new BrokerQuestion(BrokerAct.Bind, 0, 0, LoopbackOnly: true).Send(_ours);
        await Assert.ThrowsAsync<WireFormatException>(() => serving);
    }

    [Fact]
    public async Task A_forwarded_socket_that_is_not_there_is_an_error_without_a_file()
    {
        Task serving = ServeAsync(new SocketDesk([], forwarded: 1));
        new BrokerQuestion(BrokerAct.Connect, 0, 0, LoopbackOnly: false).Send(_ours);
        byte[] error = new byte[2];
        var files = new List<SafeFileHandle>();
        Assert.Equal(2, UnixSocket.TryReceiveWithFiles(_ours, error, files));
        Assert.Equal((Errno.ENOENT, 0), ((Errno)BitConverter.ToUInt16(error), files.Count));
        _ours.Dispose();
        await serving;
    }

    [Fact]
    public void What_is_said_of_the_network_arrives()
    {
        Assert.Null(NetworkAnswer.Read(NetworkAnswer.Of(null)));
        NetworkState read = NetworkAnswer.Read(NetworkAnswer.Of(new NetworkState([Card, null], ["eth9 is too much"])))!;
        Assert.Equal(["eth0", null], read.Cards.Select(static card => card?.Name));
        Assert.Equal(["eth9 is too much"], read.Complaints);
        byte[] failure = NetworkAnswer.OfFailure("no");
        Assert.Equal("no", Assert.Throws<UsageException>(() => NetworkAnswer.Read(failure)).Message);
        Assert.Throws<WireFormatException>(() => NetworkAnswer.Read([3]));
    }

    private Task ServeAsync(SocketDesk desk)
        => Task.Run(() => desk.Serve(_theirs), TestContext.Current.CancellationToken);

    public void Dispose()
    {
        _ours.Dispose();
        _theirs.Dispose();
    }
}
