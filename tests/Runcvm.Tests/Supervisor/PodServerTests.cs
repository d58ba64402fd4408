using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.FileServing;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

/// <summary>Containers of a pod, with a guest and a file server that the test plays.</summary>
public sealed class PodServerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-pod-").FullName;
    private readonly EventLoop _loop = new();
    private readonly List<string> _served = [];
    private readonly MessageReader _guest;
    private readonly GuestLink _link;
    private readonly PodShares _shares;

    public PodServerTests()
    {
        (SafeFileHandle host, SafeFileHandle guest) = UnixSocket.Pair();
        var theirs = new Multiplexer();
        Channel channel = theirs.Open(Start.ControlChannel);
        _guest = new MessageReader(channel.ReadAsync);
        var ours = new Multiplexer();
        _link = new GuestLink(ours);
        Pump(ours, AsyncFile.NonBlocking(_loop, host));
        Pump(theirs, AsyncFile.NonBlocking(_loop, guest));
        (SafeFileHandle roots, SafeFileHandle server) = UnixSocket.Pair();
        _shares = new PodShares(new PassingRoots(_loop, roots), _link);
        new Thread(() => Serve(server)) { IsBackground = true }.Start();
    }

    private string SocketPath => Path.Combine(_folder, "pod.sock");

    public void Dispose()
    {
        _loop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Who_is_in_the_sandbox_brings_no_container() => Run(isHosts: null, async _ =>
    {
        using AsyncFile client = Connect();
        await JoinAsync(client, "c1", _folder);
        Assert.Null(await AnswerAsync(client));
    });

    [Fact]
    public void A_container_and_its_files_are_there_as_long_as_its_connection() => Run(Everybody, async pod =>
    {
        using AsyncFile client = Connect();
        // The same folder twice is one to the guest.
        await JoinAsync(client, "c1", _folder, _folder);
        AddContainer order = await GuestAsync<AddContainer>();
        Assert.Equal((2u, 2u), (order.Container.RootShare, order.Container.Mounts[0].Share));
        Assert.Equal(["+1"], _served);
        Say(pod, new Prepared(order.Id));
        Assert.Equal(MessageKind.Prepared, await AnswerAsync(client));

        client.Dispose();
        Assert.Equal(order.Id, (await GuestAsync<RemoveContainer>()).Id);
        Assert.Equal(["+1"], _served);
        Say(pod, new Removed(order.Id));
        Assert.Equal([2u], (await GuestAsync<LoseShares>()).Shares);
        Assert.Equal(["+1", "-1"], _served);
        // A number that was lost is never given again.
        using AsyncFile next = Connect();
        await JoinAsync(next, "c1", _folder);
        Assert.Equal(3u, (await GuestAsync<AddContainer>()).Container.RootShare);
    });

    [Fact]
    public void What_another_container_has_stays_when_one_goes() => Run(Everybody, async pod =>
    {
        using AsyncFile first = Connect();
        await JoinAsync(first, "c1", _folder);
        uint id = (await GuestAsync<AddContainer>()).Id;
        using AsyncFile second = Connect();
        await JoinAsync(second, "c2", _folder);
        Assert.Equal(2u, (await GuestAsync<AddContainer>()).Container.RootShare);
        first.Dispose();
        await GuestAsync<RemoveContainer>();
        Say(pod, new StartFailed(id, 127, "gone"));
        Say(pod, new Removed(id));
        using AsyncFile third = Connect();
        await JoinAsync(third, "c1", _folder);
        Assert.Equal(2u, (await GuestAsync<AddContainer>()).Container.RootShare);
        Assert.Equal(["+1"], _served);
    });

    [Fact]
    public void A_guest_that_does_not_let_go_of_a_container_loses_its_files_all_the_same()
        => Run(Everybody, LetGoAsync, TimeSpan.FromMilliseconds(50));

    private async Task LetGoAsync(PodServer pod)
    {
        using AsyncFile client = Connect();
        await JoinAsync(client, "c1", _folder);
        uint id = (await GuestAsync<AddContainer>()).Id;
        client.Dispose();
        await GuestAsync<RemoveContainer>();
        Assert.Equal([2u], (await GuestAsync<LoseShares>()).Shares);
        Assert.Equal(["+1", "-1"], _served);
        // Another of the same name may come, and the guest's words of the first are still those of a container.
        using AsyncFile next = Connect();
        await JoinAsync(next, "c1", _folder);
        Assert.Equal(3u, (await GuestAsync<AddContainer>()).Container.RootShare);
        Say(pod, new Prepared(id));
        Say(pod, new Removed(id));
    }

    [Fact]
    public void A_change_is_the_guests_and_so_is_the_answer() => Run(Everybody, async pod =>
    {
        using AsyncFile client = Connect();
        await JoinAsync(client, "c1", _folder);
        uint id = (await GuestAsync<AddContainer>()).Id;
        var change = new ContainerChange { Limits = new ContainerLimits { Memory = 5 }, Motion = Motion.Stand };
        using AsyncFile asking = Connect();
        await asking.SendAsync(new ChangeContainer("c1", change));
        Assert.Equal(new Change(id, change), await GuestAsync<Change>());
        // Nobody waits for two answers at once.
        Assert.StartsWith("the container is being changed", await ChangeAsync("c1", change), StringComparison.Ordinal);
        Say(pod, new Changed(id, "full"));
        Assert.Equal("full", (await new MessageReader(asking.ReadAsync).ReadAsync())!.Value.Read<LimitsSet>().Failure);
        Assert.Throws<WireFormatException>(() => Say(pod, new Changed(id, "")));
    });

    [Fact]
    public void What_does_not_run_is_not_changed_and_takes_no_signal() => Run(Everybody, async _ =>
    {
        var signal = new ContainerChange { Signal = 19 };
        Assert.Equal("the container is not running", await ChangeAsync("c1", new ContainerChange()));
        using AsyncFile client = Connect();
        await JoinAsync(client, "c1", _folder);
        await GuestAsync<AddContainer>();
        Assert.Equal("the container is not running", await ChangeAsync("c1", signal));
    });

    [Fact]
    public void A_container_is_removed_when_the_guest_owes_no_answer_of_a_change() => Run(Everybody, async pod =>
    {
        using AsyncFile client = Connect();
        await JoinAsync(client, "c1", _folder);
        uint id = (await GuestAsync<AddContainer>()).Id;
        using AsyncFile asking = Connect();
        await asking.SendAsync(new ChangeContainer("c1", new ContainerChange()));
        await GuestAsync<Change>();
        client.Dispose();
        await GuestAsync<RemoveContainer>();
        Assert.Equal("the container is not running", await ChangeAsync("c1", new ContainerChange()));
        Say(pod, new Prepared(id));
        Say(pod, new Removed(id));
        Say(pod, new Changed(id, "the container is not there any more"));
        Assert.Equal([2u], (await GuestAsync<LoseShares>()).Shares);
        Assert.False(pod.TryDeliver(new ReceivedMessage(MessageKind.Changed, Body(new Changed(id, "")))));
    });

    [Fact]
    public void A_container_that_is_to_see_anothers_processes_waits_for_them() => Run(Everybody, async pod =>
    {
        SafeFileHandle Folder() => FileDescriptor.Open(_folder, OpenFlags.Path);
        using AsyncFile lost = Connect();
        await JoinAsync(lost, new JoinPod("c0", Setup(1), [false]) { Target = "c1" }, [Folder()]);
        Assert.Equal(MessageKind.StartFailed, await AnswerAsync(lost));
        await GuestAsync<LoseShares>();
        using AsyncFile first = Connect();
        await JoinAsync(first, "c1", _folder);
        uint id = (await GuestAsync<AddContainer>()).Id;
        using AsyncFile second = Connect();
        await JoinAsync(second, new JoinPod("c2", Setup(1), [false]) { Target = "c1" }, [Folder()]);
        // It never runs, so there is nothing to be seen.
        first.Dispose();
        await GuestAsync<RemoveContainer>();
        Say(pod, new Prepared(id));
        Say(pod, new Removed(id));
        Assert.Equal(MessageKind.StartFailed, await AnswerAsync(second));
    });

    [Fact]
    public void A_second_container_of_one_id_is_refused() => Run(Everybody, async _ =>
    {
        using AsyncFile first = Connect();
        await JoinAsync(first, "c1", _folder);
        await GuestAsync<AddContainer>();
        using AsyncFile second = Connect();
        await JoinAsync(second, "c1", _folder);
        Assert.Equal(MessageKind.StartFailed, await AnswerAsync(second));
    });

    [Fact]
    public void A_process_in_a_container_that_is_not_there_is_refused() => Run(Everybody, async _ =>
    {
        using AsyncFile client = Connect();
        await client.SendAsync(new JoinContainer("c1", Process));
        Assert.Equal(MessageKind.StartFailed, await AnswerAsync(client));
    });

    [Fact]
    public void Files_that_do_not_come_or_are_not_there_make_no_container() => Run(Everybody, async _ =>
    {
        foreach (uint share in (uint[])[0, 2])
        {
            using AsyncFile client = Connect();
            await JoinAsync(client, Setup(1) with { RootShare = share }, _folder);
            Assert.Null(await AnswerAsync(client));
        }

        using AsyncFile without = Connect();
        await without.SendAsync(new JoinPod("c1", Setup(1), [false]));
        Assert.Null(await AnswerAsync(without));
    });

    [Theory]
    [InlineData(MessageKind.Exited)]
    [InlineData(MessageKind.Started)]
    public void A_guest_that_tells_of_what_was_not_begun_is_broken(MessageKind kind) => Run(Everybody, async pod =>
    {
        using AsyncFile client = Connect();
        await JoinAsync(client, "c1", _folder);
        uint id = (await GuestAsync<AddContainer>()).Id;
        Assert.Throws<WireFormatException>(() => pod.TryDeliver(new ReceivedMessage(kind, Body(new Exited(id, 0)))));
        Assert.False(pod.TryDeliver(new ReceivedMessage(kind, Body(new Exited(id + 1, 0)))));
    });

    private static ProcessSpec Process { get; } =
        new() { Arguments = ["true"], Environment = [], WorkingDirectory = "/" };

    private static bool Everybody(SafeFileHandle socket) => true;

    private void Run(Func<SafeFileHandle, bool>? isHosts, Func<PodServer, Task> test, TimeSpan? patience = null)
    {
        TimeSpan most = patience ?? TimeSpan.FromMinutes(10);
        SafeFileHandle listener = UnixSocket.Listen(SocketPath);
        var log = new MachineLog(0);
        using PodServer pod = isHosts == null
            ? new PodServer(_loop, _link, log, Task.CompletedTask, _shares, listener) { Patience = most }
            : new PodServer(_loop, _link, log, Task.CompletedTask, _shares, listener)
            {
                IsHosts = isHosts,
                Patience = most,
            };
        _loop.Run(async () =>
        {
            Task serving = pod.RunAsync();
            await test(pod);
            pod.Dispose();
            await serving;
            return 0;
        });
    }

    private AsyncFile Connect() => AsyncFile.NonBlocking(_loop, UnixSocket.Connect(SocketPath));

    private static ContainerSetup Setup(int shares) => new()
    {
        RootShare = 1,
        Mounts = [.. Enumerable.Range(2, shares - 1).Select(static share =>
            new GuestMount("fuse", "share", "/data", 0, "") { Share = (uint)share })],
        Process = Process,
    };

    private static async Task JoinAsync(AsyncFile client, string key, params string[] folders)
    {
        SafeFileHandle[] files = [.. folders.Select(static folder => FileDescriptor.Open(folder, OpenFlags.Path))];
        var order = new JoinPod(key, Setup(files.Length), [.. files.Select(static _ => false)]);
        await JoinAsync(client, order, files);
    }

    private static Task JoinAsync(AsyncFile client, ContainerSetup setup, string folder)
        => JoinAsync(client, new JoinPod("c1", setup, [false]), [FileDescriptor.Open(folder, OpenFlags.Path)]);

    private static async Task JoinAsync(AsyncFile client, JoinPod order, SafeFileHandle[] files)
    {
        byte[] message = MessageReader.Frame(order);
        UnixSocket.SendWithFiles(client.Handle, message.AsSpan(0, 1), files);
        await client.WriteAsync(message.AsMemory(1));
        foreach (SafeFileHandle file in files) file.Dispose();
    }

    private async Task<string> ChangeAsync(string key, ContainerChange change)
    {
        using AsyncFile asking = Connect();
        await asking.SendAsync(new ChangeContainer(key, change));
        return (await new MessageReader(asking.ReadAsync).ReadAsync())!.Value.Read<LimitsSet>().Failure;
    }

    private static async Task<MessageKind?> AnswerAsync(AsyncFile client)
    {
        try
        {
            return (await new MessageReader(client.ReadAsync).ReadAsync())?.Kind;
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNRESET)
        {
            // Closed before all of it was read.
            return null;
        }
    }

    private async Task<T> GuestAsync<T>()
        where T : IMessage<T>
        => (await _guest.ReadAsync())!.Value.Read<T>();

    private static void Say<T>(PodServer pod, T message)
        where T : IMessage<T>
        => Assert.True(pod.TryDeliver(new ReceivedMessage(T.Kind, Body(message))));

    private static byte[] Body<T>(T message)
        where T : IMessage<T>
        => WireBytes.Of(message).ToArray();

    private static async void Pump(Multiplexer multiplexer, AsyncFile stream)
    {
        try
        {
            await multiplexer.RunAsync(stream.ReadAsync, stream.WriteAsync);
        }
        catch (ObjectDisposedException)
        {
            // The test is over.
        }
    }

    // A file server that takes everything, and notes it.
    private void Serve(SafeFileHandle socket)
    {
        Span<byte> word = stackalloc byte[6];
        var files = new List<SafeFileHandle>();
        while (UnixSocket.TryReceiveWithFiles(socket, word, files) > 0)
        {
            _served.Add($"{(word[0] == 1 ? '+' : '-')}{BinaryPrimitives.ReadUInt32LittleEndian(word[2..])}");
            FileDescriptor.WriteAll(socket, new byte[sizeof(int)]);
        }
    }
}
