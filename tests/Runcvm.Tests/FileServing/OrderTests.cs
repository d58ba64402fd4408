using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.FileServing;
using Runcvm.Fuse;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Tests.FileServing;

/// <summary>What supervisor and file server say to each other, and what neither believes.</summary>
public sealed class OrderTests : IDisposable
{
    private readonly SafeFileHandle _ours;
    private readonly SafeFileHandle _theirs;

    public OrderTests() => (_ours, _theirs) = UnixSocket.Pair();

    [Fact]
    public void An_order_arrives_as_it_was_sent_and_nothing_after_it_is_read()
    {
        var order = new FileServingOrder
        {
            MemoryBytes = 1L << 40,
            Cache = CachePolicy.Always,
            Identity = new FileServerIdentity { Capabilities = CapabilitySet.Of(["CAP_CHOWN"]), User = 1000, Group = 7, Groups = [8, 9] },
            Roots = [new SharedRoot("/0", false), new SharedRoot("/1", true, ".dockerenv")],
        };
        order.Send(_ours);
        FileServingFiles.Send(_ours, FileServingFile.Stream, _theirs);
        var read = FileServingOrder.Receive(_theirs);
        Assert.Equal((order.MemoryBytes, order.Cache), (read.MemoryBytes, read.Cache));
        Assert.Equal(order.Roots, read.Roots);
        Assert.Equal(order.Identity.Groups, read.Identity.Groups);
        Assert.Equal(order.Identity, read.Identity with { Groups = order.Identity.Groups });
        Assert.Equal(FileServingFile.Stream, FileServingFiles.Receive(_theirs)!.Value.Kind);
    }

    [Fact]
    public void The_paths_of_an_order_are_those_of_the_file_servers_own_root()
    {
        var order = FileServingOrder.Of(new MachineDescription
        {
            Hypervisor = "",
            KernelCommandLine = "",
            HypervisorUser = 1,
            Shares = [new ServedPath(Share.InSandbox(0), true, "x"), new ServedPath(Share.InSandbox(17), false, "")],
        });
        Assert.Equal([new SharedRoot("/0", true, "x"), new SharedRoot("/17", false)], order.Roots);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ff")]
    [InlineData("ffffffff")] // too long
    [InlineData("01000001")] // 16 MiB and a byte
    [InlineData("0c000000 0000000000000000 00")] // ends too early
    [InlineData("21000000 0000000000000000 00 0000000000000000 00000000 00000000 00000000 00000000")] // nothing to serve
    [InlineData("2b000000 0000000000000000 03 0000000000000000 00000000 00000000 00000000 01000000 01000000 2f 00 00000000")] // no such cache policy
    [InlineData("2b000000 ffffffffffffffff 00 0000000000000000 00000000 00000000 00000000 01000000 01000000 2f 00 00000000")] // less than no memory
    [InlineData("2c000000 0000000000000000 00 0000000000000000 00000000 00000000 00000000 01000000 01000000 2f 00 00000000 00")] // a byte too many
    [InlineData("2b000000 0000000000000000 00 0000000000000000 00000000 00000000 00000000 01000000 01000000 2f 02 00000000")] // no flag
    public void What_is_no_order_is_refused(string hex)
    {
        FileDescriptor.WriteAll(_ours, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
        _ours.Dispose();
        Assert.Throws<WireFormatException>(() => FileServingOrder.Receive(_theirs));
    }

    [Fact]
    public void The_end_of_the_socket_is_no_file_and_no_failure()
    {
        _ours.Dispose();
        Assert.Null(FileServingFiles.Receive(_theirs));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(4, 1)]
    [InlineData((int)FileServingFile.Device, 2)]
    public void A_message_of_another_kind_or_with_more_files_is_refused(int kind, int files)
    {
        using SafeFileHandle file = FileDescriptor.InMemory("sent", "x"u8);
        UnixSocket.SendWithFiles(_ours, [(byte)kind], [.. Enumerable.Repeat(file, files)]);
        Assert.Throws<WireFormatException>(() => FileServingFiles.Receive(_theirs));
    }

    [Fact]
    public void A_message_without_a_file_is_refused()
    {
        FileDescriptor.WriteAll(_ours, [(byte)FileServingFile.Stream]);
        Assert.Throws<WireFormatException>(() => FileServingFiles.Receive(_theirs));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_failure_arrives_with_its_kind(bool broken)
    {
        new FileServingFailure(broken, "the disk is on fire").Send(_theirs);
        Exception told = FileServingFailure.Read(All())!.ToException();
        Assert.Equal("the disk is on fire", told.Message);
        Assert.IsType(broken ? typeof(WireFormatException) : typeof(UsageException), told);
    }

    [Fact]
    public void A_failure_is_short_and_one_line_without_anything_that_a_terminal_acts_on()
    {
        new FileServingFailure(false, "a\e[2Jb\nc\u009b" + new string('x', 5000)).Send(_theirs);
        byte[] said = All();
        Assert.Equal(FileServingFailure.MostBytes, said.Length);
        string reason = FileServingFailure.Read(said)!.Reason;
        Assert.StartsWith("a [2Jb c x", reason, StringComparison.Ordinal);
        Assert.DoesNotContain(reason, char.IsControl);
    }

    [Theory]
    [InlineData("\u0001")]
    [InlineData("\u0001\n\n")]
    [InlineData("\u0000a")]
    [InlineData("\u0003a")]
    [InlineData("the file server failed")]
    public void What_no_file_server_says_is_told_as_that(string said)
        => Assert.Equal(new FileServingFailure(true, "the file server said what it cannot say"), FileServingFailure.Read(Encoding.UTF8.GetBytes(said)));

    [Fact]
    public void A_file_server_that_said_nothing_has_no_reason() => Assert.Null(FileServingFailure.Read([]));

    public void Dispose()
    {
        _ours.Dispose();
        _theirs.Dispose();
    }

    private byte[] All()
    {
        _theirs.Dispose();
        return FileDescriptor.ReadToEnd(_ours);
    }
}
