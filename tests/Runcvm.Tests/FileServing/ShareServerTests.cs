using System.Buffers.Binary;
using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using Runcvm.FileServing;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Tests.FileServing;

/// <summary>The file server over socket pairs, without a process of its own.</summary>
public sealed class ShareServerTests : IDisposable
{
    private const uint Lookup = 1;
    private const int ReplyHeader = 16;

    private static readonly FileServerIdentity Whole = new() { Capabilities = CapabilitySet.Full };

    private readonly string _place = Directory.CreateTempSubdirectory("runcvm-serve-").FullName;
    private readonly BlockingCollection<FileServingFailure> _failures = [];
    private readonly ShareServer _server;
    private readonly SafeFileHandle _guest;
    private readonly SafeFileHandle _stream;

    public ShareServerTests()
    {
        File.WriteAllText(Path.Combine(_place, "file"), "content");
        _server = new ShareServer(Order(_place), _failures.Add);
        (_guest, _stream) = UnixSocket.Pair();
    }

    [Fact]
    public void A_request_over_the_stream_has_its_answer()
    {
        _server.ServeStream(_stream);
        Assert.NotEqual(0ul, NodeOf("file"));
        // The guest may remember that it is not there.
        Assert.Equal(0ul, NodeOf("none"));
        Assert.Empty(_failures);
    }

    [Fact]
    public void A_request_for_a_share_that_is_not_there_ends_the_machine_as_a_broken_protocol()
    {
        _server.ServeStream(_stream);
        Send(7, "file");
        FileServingFailure failure = _failures.Take(TestContext.Current.CancellationToken);
        Assert.True(failure.IsBrokenProtocol);
        Assert.Equal("on the stream of the shares: a request for share 7, which is not there", failure.Reason);
    }

    [Fact]
    public void Bytes_that_are_no_frame_end_the_machine_as_a_broken_protocol()
    {
        _server.ServeStream(_stream);
        FileDescriptor.WriteAll(_guest, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        Assert.True(_failures.Take(TestContext.Current.CancellationToken).IsBrokenProtocol);
    }

    [Fact]
    public void A_hypervisor_that_breaks_its_protocol_is_told()
    {
        _server.ServeStream(_stream);
        (SafeFileHandle hypervisor, SafeFileHandle device) = UnixSocket.Pair();
        using (hypervisor)
        {
            _server.ServeDevice(device);
            FileDescriptor.WriteAll(hypervisor, new byte[12]);
            FileServingFailure failure = _failures.Take(TestContext.Current.CancellationToken);
            Assert.True(failure.IsBrokenProtocol);
            Assert.StartsWith("in QEMU's vhost-user messages: ", failure.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Files_out_of_turn_are_refused()
    {
        Assert.Throws<WireFormatException>(() => _server.ServeDevice(_guest));
        _server.ServeStream(_stream);
        Assert.Throws<WireFormatException>(() => _server.ServeStream(_guest));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_told_before_anything_is_served()
        => Assert.Throws<LinuxException>(() => new ShareServer(Order(Path.Combine(_place, "none")), _failures.Add));

    public void Dispose()
    {
        _guest.Dispose();
        _stream.Dispose();
        _failures.Dispose();
        Directory.Delete(_place, recursive: true);
    }

    private static FileServingOrder Order(string folder)
        => new() { MemoryBytes = 1 << 30, Cache = CachePolicy.Auto, Identity = Whole, Roots = [new SharedRoot(folder, false)] };

    private ulong NodeOf(string name)
    {
        Send(0, name);
        byte[] reply = new byte[4096];
        int length = FileDescriptor.TryRead(_guest, reply);
        Assert.InRange(length, ShareFrame.Size + ReplyHeader + sizeof(ulong), reply.Length);
        Assert.Equal(0, BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(ShareFrame.Size + 4)));
        return BinaryPrimitives.ReadUInt64LittleEndian(reply.AsSpan(ShareFrame.Size + ReplyHeader));
    }

    // struct fuse_in_header and a name in the root.
    private void Send(ushort share, string name)
    {
        const int Header = 40;
        byte[] message = new byte[ShareFrame.Size + Header + name.Length + 1];
        new ShareFrame(share, false, message.Length - ShareFrame.Size).Write(message);
        Span<byte> request = message.AsSpan(ShareFrame.Size);
        BinaryPrimitives.WriteInt32LittleEndian(request, request.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(request[4..], Lookup);
        BinaryPrimitives.WriteUInt64LittleEndian(request[8..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(request[16..], 1);
        for (int i = 0; i < name.Length; i++) request[Header + i] = (byte)name[i];
        FileDescriptor.WriteAll(_guest, message);
    }
}
