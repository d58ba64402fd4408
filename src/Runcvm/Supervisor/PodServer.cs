using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Takes containers into a pod's machine. The verbs of the host connect to a socket that no sandbox sees, say
/// what is to run, and leave the connection to the stand-in of what runs: it can start, signal and end that, and
/// nothing else.</summary>
/// <param name="loop">runs all of it</param>
/// <param name="link">to the guest</param>
/// <param name="log">what users see of it</param>
/// <param name="podStarted">before that the guest takes no containers</param>
/// <param name="shares">what containers get of the host</param>
/// <param name="listener">the socket, as `create` made it</param>
internal sealed class PodServer(
    EventLoop loop, GuestLink link, MachineLog log, Task podStarted, PodShares shares, SafeFileHandle listener)
    : IDisposable
{
    // A node has 110 pods, and few pods ten containers. Each costs memory here and in the guest.
    private const int MostContainers = 256;

    // Containers and processes beside them.
    private const int MostConnections = 4096;

    // Containers and processes with long arguments that are taken at a time.
    private const int MostLarge = 4;

    private const string NotRunning = "the container is not running";

    private readonly Turns _large = new(MostLarge);
    private readonly AsyncFile _listener = AsyncFile.NonBlocking(loop, listener);
    private readonly Dictionary<string, PodProcess> _containers = [];
    private readonly Dictionary<uint, PodProcess> _processes = [];
    private readonly HashSet<Task> _connections = [];
    private readonly HashSet<Task> _words = [];
    private readonly HashSet<Task> _removals = [];

    /// <summary>How long the guest may take to say that nothing is left of a container. What that had of the host is
    /// taken from it then.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether root outside of the sandbox has connected: it has no number in here, and who is in here has
    /// one.</summary>
    internal Func<SafeFileHandle, bool> IsHosts { get; init; } = static socket => UnixSocket.PeerOf(socket) is (0, 0);

    /// <summary>Until the machine ends.</summary>
    internal Task RunAsync() => Acceptance.RunAsync(loop, _listener, Take, log.Info);

    public void Dispose() => _listener.Dispose();

    /// <summary>Takes a word of the guest about a process of a container.</summary>
    /// <returns>whether there is such a process</returns>
    internal bool TryDeliver(ReceivedMessage message)
    {
        // All that is said of processes begins with their number.
        var reader = new WireReader(message.Body);
        if (!_processes.TryGetValue(reader.UInt32(), out PodProcess? process)) return false;
        _words.RemoveWhere(static word => word.IsCompletedSuccessfully);
        Task word = process.TakeAsync(message);
        if (word.IsFaulted) word.GetAwaiter().GetResult();
        _words.Add(word);
        return true;
    }

    private void Take(SafeFileHandle connection)
    {
        _connections.RemoveWhere(static task => task.IsCompleted);
        if (IsHosts(connection) && _connections.Count < MostConnections)
            _connections.Add(ServeAsync(new AsyncFile(loop, connection)));
        else connection.Dispose();
    }

    private async Task ServeAsync(AsyncFile connection)
    {
        using var client = new ClientConnection(connection, _large, JoinPod.MostShares);
        try
        {
            if (await client.ReadAsync() is not { } first) return;
            await podStarted;
            // What a stand-in has to say is short.
            client.EndFirst();
            if (first.Kind == MessageKind.JoinPod) await ServeContainerAsync(client, first.Read<JoinPod>());
            else if (first.Kind == MessageKind.ChangeContainer)
                await ServeChangeAsync(client, first.Read<ChangeContainer>());
            else await ServeProcessAsync(client, first.Read<JoinContainer>());
        }
        catch (Exception e) when (
            e is WireFormatException or LinuxException or UsageException or ObjectDisposedException
                or ChannelClosedException)
        {
            // One container or process has failed, not the machine; its stand-in reports that the connection was
            // closed.
            log.Info($"a container was given up: {e.Message}");
        }
    }

    private async Task ServeContainerAsync(ClientConnection client, JoinPod order)
    {
        var process = new PodProcess(link, link.NextId());
        if (_containers.Count == MostContainers)
        {
            await RefuseAsync(client, $"the pod has {MostContainers} containers, which are all that it can have");
            return;
        }

        if (!_containers.TryAdd(order.Key, process))
        {
            await RefuseAsync(client, "the pod has a container of this id");
            return;
        }

        var taken = new List<uint>();
        bool wasAdded = false;
        try
        {
            ContainerSetup setup = await ShareAsync(order, client, taken);
            _processes.Add(process.Id, process);
            wasAdded = true;
            await link.SendAsync(new AddContainer(process.Id, setup));
            // What comes next is the stand-in's, or the end of the connection.
            Task<ReceivedMessage?> next = client.ReadAsync().AsTask();
            if (await Task.WhenAny(process.Prepared, next) == next) return;
            if (await process.Prepared is { } failure)
            {
                await client.SendAsync(failure);
                return;
            }

            await client.SendAsync(new Prepared(process.Id));
            await RunAsync(client, next, process, process.Id, setup.Process);
        }
        catch (Exception e) when (e is UsageException or LinuxException && !wasAdded)
        {
            await RefuseAsync(client, e.Message);
        }
        finally
        {
            // Its stand-in is no more, or it is itself.
            client.Close();
            try
            {
                if (wasAdded) await RemoveAsync(process);
            }
            finally
            {
                _containers.Remove(order.Key);
                await shares.ReleaseAsync(taken);
            }
        }
    }

    private async Task RemoveAsync(PodProcess process)
    {
        _removals.RemoveWhere(static task => task.IsCompleted);
        Task removal = HaveRemovedAsync(process);
        using var removed = new CancellationTokenSource();
        Task<bool> timeout = loop.DelayAsync(Patience, removed.Token);
        if (await Task.WhenAny(removal, timeout) == timeout)
        {
            log.Info($"the guest has not removed a container for {Patience.TotalSeconds} s; it loses its files");
            _removals.Add(removal);
            return;
        }

        removed.Cancel();
        await removal;
    }

    private async Task HaveRemovedAsync(PodProcess process)
    {
        Task changed = process.Changes.EndAsync();
        await link.SendAsync(new RemoveContainer(process.Id));
        // It owes all of these, in whatever order.
        await process.Prepared;
        if (process.Session != null) await process.Ended;
        await changed;
        await process.Removed;
        _processes.Remove(process.Id);
    }

    private async Task<ContainerSetup> ShareAsync(JoinPod order, ClientConnection client, List<uint> taken)
    {
        List<SafeFileHandle> files = client.Files;
        if (files.Count != order.Shares.Count || files.Count is 0 or > JoinPod.MostShares)
            throw new WireFormatException($"a container came with {files.Count} files instead of {order.Shares.Count}");
        await shares.TakeAsync(files.Zip(order.Shares), taken);
        client.CloseFiles();
        return order.Container with
        {
            RootShare = NumberOf(order.Container.RootShare),
            ProcessesOf = await TargetAsync(order),
            Mounts = [.. order.Container.Mounts.Select(mount => mount.Share == 0 ? mount
                : mount with { Share = NumberOf(mount.Share) })],
        };

        uint NumberOf(uint place) => place - 1 < taken.Count ? taken[(int)place - 1]
            : throw new WireFormatException($"a container wants share {place} of {taken.Count}");
    }

    private async Task<uint> TargetAsync(JoinPod order)
    {
        if (order.Target.Length == 0) return 0;
        if (_containers.TryGetValue(order.Target, out PodProcess? target))
        {
            // An engine may be faster than the container's own program.
            await Task.WhenAny(target.Started, target.Removed, target.Ended);
            if (target.Started.IsCompleted && !target.Ended.IsCompleted) return target.Id;
        }

        throw new UsageException("the container whose processes are to be seen is not running");
    }

    private async Task ServeChangeAsync(ClientConnection client, ChangeContainer order)
    {
        Task<ReceivedMessage?> gone = client.ReadAsync().AsTask();
        Task<string> change = _containers.TryGetValue(order.Key, out PodProcess? process)
            ? ChangeAsync(process, order.Change) : Task.FromResult(NotRunning);
        // Who asks says nothing more.
        if (await Task.WhenAny(change, gone) == change) await client.SendAsync(new LimitsSet(await change));
    }

    private static async Task<string> ChangeAsync(PodProcess process, ContainerChange change)
    {
        if (change.Signal == 0) return await process.Changes.AskAsync(change);
        if (process.Session == null || process.Ended.IsCompleted) return NotRunning;
        await process.Session.SignalAsync(new Signal(process.Id, change.Signal).CheckedNumber());
        return "";
    }

    private async Task ServeProcessAsync(ClientConnection client, JoinContainer order)
    {
        Task<ReceivedMessage?> next = client.ReadAsync().AsTask();
        if (!_containers.TryGetValue(order.Key, out PodProcess? container))
        {
            await RefuseAsync(client, NotRunning);
            return;
        }

        // An engine may be faster than the container's own program.
        await Task.WhenAny(container.Started, container.Removed, container.Ended);
        if (!container.Started.IsCompleted || container.Ended.IsCompleted || container.Removed.IsCompleted)
        {
            await RefuseAsync(client, NotRunning);
            return;
        }

        var process = new PodProcess(link, link.NextId());
        _processes.Add(process.Id, process);
        try
        {
            await RunAsync(client, next, process, container.Id, order.Process);
        }
        finally
        {
            if (process.Session != null)
            {
                // Its stand-in is no more.
                if (!process.Ended.IsCompleted) await process.Session.SignalAsync(SignalNumber.Kill);
                await process.Ended;
            }

            _processes.Remove(process.Id);
        }
    }

    // From the stand-in's first word to the end of either side.
    private async Task RunAsync(
        ClientConnection client, Task<ReceivedMessage?> next, PodProcess process, uint container, ProcessSpec spec)
    {
        if (await next is not { } start) return;
        List<SafeFileHandle> files = client.Files;
        if (start.Kind != MessageKind.Start || files.Count != 3)
            throw new WireFormatException(
                $"a stand-in began with message {(byte)start.Kind} and {files.Count} files");
        ProcessSession session;
        try
        {
            session = new ProcessSession(loop, link, process.Id, spec.Terminal, files[0], files[1], files[2])
            {
                Container = container,
            };
            await session.StartAsync(spec, () => process.Session = session);
        }
        catch (LinuxException e) when (process.Session == null)
        {
            // One process has failed, for lack of descriptors, say, and not the pod.
            await RefuseAsync(client, e.Message);
            return;
        }

        Task relays = session.RunAsync();
        Task requests = client.TakeRequestsAsync(session);
        try
        {
            if (await Task.WhenAny(process.Ended, requests) == requests) return;
            ProcessEnd end = await process.Ended;
            // Engines wait for the end of the streams, which others in the guest may hold.
            session.CloseOutputs();
            await relays;
            client.CloseFiles();
            await client.ReportAsync(process.Id, end);
        }
        finally
        {
            client.Close();
            await requests;
            session.CloseOutputs();
        }
    }

    private static Task RefuseAsync(ClientConnection client, string reason)
    {
        const byte Failed = 125;
        return client.SendAsync(new StartFailed(0, Failed, reason)).AsTask();
    }
}
