using Runcvm.Brokering;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Connects the machine to those sockets of the host that were mounted for it.</summary>
/// <param name="loop">the loop</param>
/// <param name="sockets">as the user knows them, in the order of their numbers</param>
/// <param name="broker">may connect to what belongs to others</param>
/// <param name="log">says which sockets nobody listens at</param>
internal sealed class SocketDialler(EventLoop loop, IReadOnlyList<string> sockets, BrokerProcess broker, MachineLog log)
{
    // What a guest that keeps to the rules never reaches: it counts a connection that has ended no later than this side.
    private const int MostUnanswered = 2 * DialSocket.MostConnections;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly HashSet<string> _reported = [];
    private readonly HashSet<Task> _dials = [];
    private int _connections;
    private int _unanswered;

    internal void Dial(GuestLink link, DialSocket request)
    {
        if (request.Socket >= sockets.Count) throw new WireFormatException($"it connects to socket {request.Socket} of the host, which it was not given");
        if (_unanswered >= MostUnanswered) throw new WireFormatException("it connects to the host's sockets without reading the answers");
        _dials.RemoveWhere(static dial => dial.IsCompleted);
        _dials.Add(DialAsync(link, request));
    }

    private async Task DialAsync(GuestLink link, DialSocket request)
    {
        _unanswered++;
        AsyncFile? socket = _connections >= DialSocket.MostConnections ? null : await ConnectAsync(request.Socket);
        if (socket == null)
        {
            await link.SendAsync(new SocketDialled(request.Number, 0));
            _unanswered--;
            return;
        }

        _connections++;
        try
        {
            await RelayedConnection.RunAsync(link, socket, AnswerAsync);
        }
        finally
        {
            _connections--;
        }

        async Task AnswerAsync(uint id, Action open)
        {
            await link.AnnounceAsync(new SocketDialled(request.Number, id), open);
            _unanswered--;
        }
    }

    private async Task<AsyncFile?> ConnectAsync(ushort number)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        try
        {
            // The kernel tells nobody when a queue has room again.
            do
            {
                if (broker.TryConnect(number) is { } connected)
                {
                    _reported.Remove(sockets[number]);
                    return new AsyncFile(loop, connected);
                }

                await loop.DelayAsync(Pause);
            }
            while (System.Diagnostics.Stopwatch.GetElapsedTime(start) < LongestWait);

            Report(sockets[number], "takes no more connections");
        }
        catch (LinuxException e)
        {
            Report(sockets[number], $"cannot be connected to: {LinuxException.Describe(e.Errno)}");
        }

        return null;
    }

    // Once, until it works again: the guest decides how often it tries.
    private void Report(string socket, string problem)
    {
        if (_reported.Add(socket)) log.Info($"the host's socket {socket} {problem}");
    }
}
