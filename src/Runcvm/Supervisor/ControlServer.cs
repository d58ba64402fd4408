using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Listens for `runcvm attach`: each connection is one process to run beside the workload. It brings the files
/// of the process's streams, so that they live as long as somebody in the guest holds them, and not only as long as it.</summary>
internal sealed class ControlServer(
    EventLoop loop, GuestLink link, MachineLog log, Task workloadStarted, ControlAnswers answers,
    SafeFileHandle listener) : IDisposable
{
    // Execs with long arguments that are taken at a time. Each costs a multiple of them here until the guest has it,
    // and the guest may never take it.
    private const int MostLarge = 4;

    // Standard input, output and error.
    private const int FilesOfProcess = 3;

    private readonly AsyncFile _listener = AsyncFile.NonBlocking(loop, listener);
    private readonly Dictionary<uint, (ProcessSession Session, ClientConnection Client)> _sessions = [];
    private readonly HashSet<Task> _connections = [];
    private readonly AnnouncedProcesses _announced = new(loop, link);
    private readonly Turns _large = new(MostLarge);

    /// <summary>Sends the workload a signal that this process cannot be sent in its place.</summary>
    internal Func<int, Task>? Signal { get; init; }

    /// <summary>Knows the processes of a pod's containers.</summary>
    internal PodServer? Pod { get; init; }

    /// <summary>Has the machine saved.</summary>
    internal required MachineSaving Saving { get; init; }

    /// <summary>Until the machine ends, and its clients with it.</summary>
    internal Task RunAsync() => Acceptance.RunAsync(
        loop, _listener,
        connection =>
        {
            _connections.RemoveWhere(static task => task.IsCompleted);
            _connections.Add(ServeAsync(new AsyncFile(loop, connection)));
        },
        log.Info);

    /// <summary>Hands a guest's event to the session it is about. One about no session is the guest's mistake.</summary>
    internal void Deliver(ReceivedMessage message)
    {
        if (Pod?.TryDeliver(message) == true) return;
        (uint id, ProcessEnd? end) = message.Kind switch
        {
            MessageKind.Exited => End(message.Read<Exited>()),
            MessageKind.StartFailed => End(message.Read<StartFailed>()),
            _ => (message.Read<Started>().Id, null),
        };
        if (!_sessions.TryGetValue(id, out (ProcessSession Session, ClientConnection Client) entry))
        {
            throw new WireFormatException(
                $"it sent message {(byte)message.Kind} about process {id}, which does not run");
        }

        if (end == null) return;
        _sessions.Remove(id);
        _connections.Add(entry.Session.CompleteAsync(end));
    }

    public void Dispose()
    {
        _listener.Dispose();
        foreach ((_, ClientConnection client) in _sessions.Values) client.Close();
    }

    private async Task ServeAsync(AsyncFile connection)
    {
        using var client = new ClientConnection(connection, _large, FilesOfProcess);
        try
        {
            if (await client.ReadAsync() is not { } first) return;
            if (first.Kind == MessageKind.Prepare)
            {
                if (workloadStarted.IsCompleted) await _announced.AddAsync(first.Body);
                return;
            }

            if (first.Kind == MessageKind.Signal && Signal != null)
            {
                await Signal(first.Read<Signal>().CheckedNumber());
                return;
            }

            if (first.Kind == MessageKind.SaveMachine)
            {
                first.Read<SaveMachine>();
                await Saving.ServeAsync(client);
                return;
            }

            if (first.Kind != MessageKind.Start)
            {
                await answers.AnswerAsync(first, connection);
                return;
            }

            // Processes come after the workload, whose namespaces they enter.
            await workloadStarted;
            if (client.Files.Count != FilesOfProcess)
                throw new WireFormatException($"an exec came with {client.Files.Count} files instead of 3");
            long begun = Stopwatch.GetTimestamp();
            uint? ready = _announced.Take(first.Body);
            ProcessSession session = await BeginAsync(first, ready ?? link.NextId(), client);
            // Of 2 MiB, perhaps, and the process may run for days.
            first = default;
            client.EndFirst();
            Task relays = session.RunAsync();
            Task requests = client.TakeRequestsAsync(session);
            ProcessEnd end = await session.Ended;
            double milliseconds = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            string how = ready == null ? "" : ", which had it ready";
            log.Debug($"exec {session.Id} took {milliseconds:F1} ms in the guest{how}");
            await client.ReportAsync(session.Id, end);
            client.Close();
            // If the engine has killed the client, the process has gone on, as with runc.
            await requests;
            // A process that outlives this session may still hold the streams.
            await relays;
        }
        catch (LinuxException e)
        {
            // One exec has failed, for lack of descriptors, say, and not the machine.
            log.Debug($"an exec was given up: {e.Message}");
            await TryRefuseAsync(client, e.Message);
        }
        catch (Exception e) when (e is WireFormatException or ObjectDisposedException or ChannelClosedException)
        {
            // It asked for what there is not, or the machine has ended: it sees the end of its connection.
        }
    }

    // Who waits for the exec may have gone, or never asked for one.
    private static async Task TryRefuseAsync(ClientConnection client, string why)
    {
        try
        {
            await client.ReportAsync(0, new ProcessEnd(SuperviseVerb.MachineFailed, why));
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // It sees the end of its connection.
        }
    }

    private static (uint Id, ProcessEnd End) End(Exited exited) => (exited.Id, new ProcessEnd(exited.Code));

    private static (uint Id, ProcessEnd End) End(StartFailed failed)
        => (failed.Id, new ProcessEnd(failed.Code, TextRing.Printable(failed.Message)));

    private async Task<ProcessSession> BeginAsync(ReceivedMessage start, uint id, ClientConnection client)
    {
        ProcessSpec process = start.Read<Start>().Process;
        ProcessSession session;
        try
        {
            session = new ProcessSession(
                loop, link, id, process.Terminal, client.Files[0], client.Files[1], client.Files[2]);
        }
        catch (LinuxException)
        {
            // One that the guest has ready would wait for ever.
            await link.SendAsync(new Forget(id));
            throw;
        }

        await session.StartAsync(process, () => _sessions.Add(id, (session, client)));
        return session;
    }
}
