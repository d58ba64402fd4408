using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Brokering;

/// <summary>The supervisor's side of the broker, which does the few things that take a capability while the machine
/// runs. It ends with this process, which is the first of its PID namespace, and the machine ends with it.</summary>
internal sealed class BrokerProcess : IDisposable
{
    private const string Ended = "the broker ended before the machine";

    private readonly ChildProcess _process;
    private readonly SafeFileHandle _orders;
    private readonly SafeFileHandle _network;

    private BrokerProcess(ChildProcess process, SafeFileHandle orders, SafeFileHandle network)
        => (_process, _orders, _network) = (process, orders, network);

    /// <summary>Starts it, born in its confinement, if there is anything to do for it, and does not wait for it. Takes
    /// this process's capabilities of the set-up.</summary>
    internal static BrokerProcess? TryStart(
        MachineDescription description, SandboxNetwork network, IReadOnlyList<EgressPrograms> policies,
        NamespaceRules rules, IReadOnlyList<SafeFileHandle> ports)
    {
        var order = BrokerOrder.Of(description, network, policies.Count, rules, ports.Count);
        if (!order.IsNeeded) return null;
        (SafeFileHandle orders, SafeFileHandle theirOrders) = UnixSocket.Pair();
        (SafeFileHandle questions, SafeFileHandle theirQuestions) = UnixSocket.Pair();
        using (theirOrders)
        using (theirQuestions)
        {
            ChildProcess process = StartProgram(
                order, [(BrokerFiles.Orders, theirOrders), (BrokerFiles.Network, theirQuestions),
                    .. BrokerFiles.HandOn(policies, rules, ports)]);
            order.Send(orders);
            return new BrokerProcess(process, orders, questions);
        }
    }

    private static ChildProcess StartProgram(BrokerOrder order, IEnumerable<(int Number, SafeFileHandle File)> files)
    {
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        // Only who changes the container's network is in it.
        Namespaces own = Namespaces.Pid | Namespaces.Ipc | Namespaces.Uts
            | (order.FollowsNetwork ? Namespaces.None : Namespaces.Network);
        using var starter = new UserThread(
            new Confinement(BrokerTree.Root, User: 0, own) { Kept = order.Capabilities });
        return starter.Run(() => ChildProcess.Start(
            BrokerTree.Program, ["runcvm", BrokerVerb.Name], [], [(0, nothing), (1, nothing), (2, nothing), .. files]));
    }

    /// <summary>Waits until it can do nothing but what it is for. Before that nothing of a guest may be read.</summary>
    internal void AwaitReady()
    {
        Span<byte> ready = stackalloc byte[1];
        if (!TryRead(ready)) throw new UsageException(Ended);
    }

    /// <summary>Has a socket bound that both have.</summary>
    internal TakenPort Bind(int socket, ListeningPort port)
    {
        Span<byte> taken = stackalloc byte[1];
        bool isAnswered = TryAsk(new BrokerQuestion(BrokerAct.Bind, (ushort)socket, port.Port, port.LoopbackOnly))
            && TryRead(taken);
        // Where there is no answer the machine is about to end.
        return isAnswered ? (TakenPort)taken[0] : TakenPort.None;
    }

    /// <summary>A connection to the forwarded socket with this index, not blocking, or null while its queue is
    /// full.</summary>
    /// <exception cref="LinuxException">there is none to be had</exception>
    internal SafeFileHandle? TryConnect(int socket)
    {
        Span<byte> error = stackalloc byte[sizeof(ushort)];
        var files = new List<SafeFileHandle>();
        if (!TryAsk(new BrokerQuestion(BrokerAct.Connect, (ushort)socket, 0, false))
            || UnixSocket.TryReceiveWithFiles(_orders, error, files) != error.Length)
            throw new LinuxException(Errno.EPIPE, "ask the broker for a connection");
        if (files.Count == 1) return files[0];
        foreach (SafeFileHandle file in files) file.Dispose();
        var errno = (Errno)BinaryPrimitives.ReadUInt16LittleEndian(error);
        return errno == Errno.EAGAIN ? null : throw new LinuxException(errno, $"connect to socket {socket}");
    }

    /// <summary>Questions about the network; once.</summary>
    internal NetworkQuestions Network(EventLoop loop) => new(AsyncFile.NonBlocking(loop, _network));

    /// <summary>Fails when the process ends, and does not end otherwise.</summary>
    internal async Task FailedAsync(EventLoop loop)
    {
        ExitStatus status = await AsyncFile.WaitForExitAsync(loop, _process);
        throw new UsageException(status.Signal != 0
            ? $"the broker was killed by signal {status.Signal}" : $"{Ended}, with code {status.Code}");
    }

    /// <summary>Lets it end.</summary>
    public void Dispose()
    {
        _orders.Dispose();
        _network.Dispose();
        _process.Dispose();
    }

    private bool TryAsk(BrokerQuestion question)
    {
        try
        {
            question.Send(_orders);
            return true;
        }
        catch (LinuxException e) when (e.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            return false;
        }
    }

    private bool TryRead(Span<byte> answer)
    {
        try
        {
            return FileDescriptor.TryRead(_orders, answer) == answer.Length;
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNRESET)
        {
            return false;
        }
    }
}
