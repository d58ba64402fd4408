using Runcvm.Linux;
using Runcvm.Network;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>Somebody who sends datagrams to a port of the guest, and gets its answers.</summary>
/// <param name="link">to the guest</param>
/// <param name="port">where the guest listens</param>
/// <param name="waiting">what waits for the guest, of all senders</param>
/// <param name="answer">sends it a datagram</param>
/// <param name="forget">takes it out of the tables</param>
internal sealed class DatagramSender(
    GuestLink link, ushort port, WaitingBytes waiting, Action<byte[]> answer, Action<DatagramSender> forget)
    : IDatagramSender
{
    private const int MaxWaiting = 64;

    private readonly uint _id = link.NextId();
    private readonly Queue<byte[]> _waiting = new();
    private readonly Pulse _changed = new();
    private Channel? _input;
    private Channel? _output;
    private bool _closed;

    /// <inheritdoc/>
    public long LastUsed { get; private set; } = Environment.TickCount64;

    /// <inheritdoc/>
    public bool IsAnnounced => _output != null;

    /// <summary>A datagram that finds too many before it is lost, as it would be in a socket's buffer.</summary>
    internal void Take(ReadOnlySpan<byte> datagram)
    {
        LastUsed = Environment.TickCount64;
        if (_waiting.Count >= MaxWaiting) return;
        byte[] frame = Datagram.Frame(datagram);
        if (!waiting.TryAdd(frame.Length)) return;
        _waiting.Enqueue(frame);
        _changed.Set();
    }

    /// <summary>Announces it, and relays until it is closed, by either side.</summary>
    internal async Task RunAsync()
    {
        try
        {
            await link.AnnounceAsync(new Connect(_id, port, IsDatagram: true), Open);
            await Task.WhenAll(SendAsync(_input!), AnswerAsync(_output!));
        }
        catch (Exception e) when (e is ChannelClosedException or LinuxException or ObjectDisposedException)
        {
            // The guest or the port is gone.
        }
        finally
        {
            Close();
            while (_waiting.TryDequeue(out byte[]? lost)) waiting.Remove(lost.Length);
        }
    }

    /// <inheritdoc/>
    public void Close()
    {
        if (_closed) return;
        _closed = true;
        // At once: the next datagram from there begins anew.
        forget(this);
        _input?.Close();
        _output?.Close();
        _changed.Set();
    }

    private void Open()
    {
        _input = link.Multiplexer.Open(Start.ChannelOf(_id, 0));
        _output = link.Multiplexer.Open(Start.ChannelOf(_id, 1));
        // Its port may have gone while the announcement waited.
        if (!_closed) return;
        _input.Close();
        _output.Close();
    }

    private async Task SendAsync(Channel input)
    {
        try
        {
            while (!_closed)
            {
                while (_waiting.TryDequeue(out byte[]? next))
                {
                    waiting.Remove(next.Length);
                    await input.WriteAsync(next);
                }

                await _changed.WaitAsync();
            }
        }
        finally
        {
            Close();
        }
    }

    private async Task AnswerAsync(Channel output)
    {
        try
        {
            while (await Datagram.ReadAsync(output.ReadAsync) is { } datagram)
            {
                LastUsed = Environment.TickCount64;
                answer(datagram);
            }
        }
        finally
        {
            Close();
        }
    }
}
