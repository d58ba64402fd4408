using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Dns;
using Runcvm.Protocol.Frames;

namespace Runcvm.Guest.Network;

/// <summary>The guest's nameserver: passes questions to the host and the answers back, unread. Its address is not a
/// loopback one (127.0.0.0/8), because engines inside the guest do not hand those on to their containers.</summary>
internal sealed class DnsListener(EventLoop loop, Func<ReadOnlyMemory<byte>, ValueTask> write) : IDisposable
{
    /// <summary>169.254.53.53:53</summary>
    internal static readonly IPv4End End = new(0xA9FE3535, 53);

    // Unanswered questions; the oldest is forgotten for a new one. Must be a power of 2 to divide the ids evenly.
    private const int MaxQuestions = 4096;

    // Room for all of them to come at once: the kernel counts a short datagram as 768 bytes.
    private const int ReceiveBuffer = MaxQuestions * 1024;

    // Connections that clients may hold open at a time, so that they cannot use up the files of PID 1.
    private const int MaxConnections = 256;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly (ushort Id, Action<DnsFrame>? Answer)[] _pending = new (ushort, Action<DnsFrame>?)[MaxQuestions];
    private readonly Queue<byte[]> _questions = new();
    private readonly OwnedTasks _served = new();
    private SafeFileHandle? _sender;
    private SocketLookup? _lookup;
    private AsyncFile? _datagrams;
    private AsyncFile? _listener;
    private int _connections;
    private ushort _lastId;
    private bool _writing;

    /// <summary>Adds the address to the loopback interface and opens both sockets. They leave the port itself to the workload, whose own
    /// nameserver may want it at every address, where the kernel makes that possible.</summary>
    internal void Open()
    {
        using (var netlink = new RouteNetlink())
        {
            const byte HostScope = 254;
            Link lo = netlink.FindLink("lo") ?? throw new LinuxException(Errno.ENODEV, "find the loopback interface");
            try
            {
                netlink.AddAddress(lo, [169, 254, 53, 53], 32, HostScope);
            }
            catch (LinuxException e) when (e.Errno == Errno.EEXIST)
            {
                // Of the listener before this one.
            }
        }

        if (!TryOpenElsewhere()) Open(End);
        InternetSocket.SetReceiveBuffer(_datagrams!.Handle, ReceiveBuffer);
    }

    private void Open(IPv4End end)
    {
        _datagrams = new AsyncFile(loop, InternetSocket.BindDatagram(end));
        _listener = new AsyncFile(loop, InternetSocket.ListenStream(end));
    }

    private bool TryOpenElsewhere()
    {
        Open(End with { Port = 0 });
        try
        {
            _sender = InternetSocket.MakeSender(End.Address);
            _lookup = SocketLookup.Begin(End, _listener!.Handle, _datagrams!.Handle);
            return true;
        }
        catch (LinuxException)
        {
            // A kernel without socket lookups: then the port is taken.
            Dispose();
            _sender = null;
            return false;
        }
    }

    /// <summary>Serves until the stream from the host ends or the object is disposed.</summary>
    internal async Task RunAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        Task datagrams = ReceiveDatagramsAsync(_datagrams!);
        Task connections = AcceptAsync(_listener!);
        _served.Add(datagrams);
        _served.Add(connections);
        await _served.UntilAsync(DeliverAsync(read));
        Dispose();
        await datagrams;
        await connections;
    }

    private async Task DeliverAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        while (await DnsFrame.ReadAsync(read) is { } answer)
        {
            ref (ushort Id, Action<DnsFrame>? Answer) slot = ref _pending[answer.Id % MaxQuestions];
            if (slot.Id != answer.Id || slot.Answer == null) continue;
            Action<DnsFrame> deliver = slot.Answer;
            slot.Answer = null;
            deliver(answer);
        }
    }

    public void Dispose()
    {
        _lookup?.Dispose();
        _datagrams?.Dispose();
        _listener?.Dispose();
        _sender?.Dispose();
    }

    private async Task ReceiveDatagramsAsync(AsyncFile socket)
    {
        byte[] buffer = new byte[ushort.MaxValue];
        try
        {
            while (true)
            {
                int n = InternetSocket.TryReceiveFrom(socket.Handle, buffer, out IPv4End from);
                if (n < 0) await socket.ReadableAsync();
                else Ask(buffer[..n], isStream: false, answer => Send(socket, answer.Message, from));
            }
        }
        catch (ObjectDisposedException)
        {
        }
    }

    private void Send(AsyncFile socket, byte[] answer, IPv4End to)
    {
        if (_sender == null) InternetSocket.SendTo(socket.Handle, answer, to);
        else InternetSocket.SendFrom(_sender, End.Port, answer, to);
    }

    private Task AcceptAsync(AsyncFile listener) => Acceptance.RunAsync(loop, listener, connection =>
    {
        if (_connections < MaxConnections) _served.Add(ServeAsync(connection));
        else connection.Dispose();
    });

    /// <summary>A connection ends by its client, or with the question that the host leaves unanswered for too long.</summary>
    private async Task ServeAsync(SafeFileHandle connection)
    {
        _connections++;
        try
        {
            using (connection)
            {
                using var file = new AsyncFile(loop, connection);
                await AnswerAllAsync(file);
            }
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
        }
        finally
        {
            _connections--;
        }
    }

    private async Task AnswerAllAsync(AsyncFile file)
    {
        while (await Datagram.ReadAsync(file.ReadAsync) is { } question)
        {
            var answered = new TaskCompletionSource<DnsFrame>();
            Ask(question, isStream: true, frame => answered.TrySetResult(frame));
            Task<bool> late = loop.DelayAsync(Patience);
            if (await Task.WhenAny(answered.Task, late) == late) return;
            await file.WriteAsync(Datagram.Frame((await answered.Task).Message));
        }
    }

    private void Ask(byte[] question, bool isStream, Action<DnsFrame> answer)
    {
        ushort id = ++_lastId;
        _pending[id % MaxQuestions] = (id, answer);
        // A host that no longer takes questions gets no more of them: at most as many as can be answered wait.
        if (_questions.Count < MaxQuestions) _questions.Enqueue(new DnsFrame(id, isStream, question).ToBytes());
        if (!_writing) _served.Add(SendAsync());
    }

    /// <summary>A stream has one writer at a time.</summary>
    private async Task SendAsync()
    {
        _writing = true;
        try
        {
            while (_questions.TryDequeue(out byte[]? next)) await write(next);
        }
        finally
        {
            _writing = false;
        }
    }
}
