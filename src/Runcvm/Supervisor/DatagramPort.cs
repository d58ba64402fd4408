using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Network;
using Runcvm.Protocol.Frames;

namespace Runcvm.Supervisor;

/// <summary>A UDP port at which the guest listens, for those who share its addresses but not its machine. Each sender has a
/// stream to the guest of its own, where a socket of its own stands for it, so that answers find their way back.</summary>
/// <param name="loop">the loop</param>
/// <param name="link">to the guest</param>
/// <param name="port">where the guest listens</param>
/// <param name="socket">bound to that port</param>
/// <param name="serves">whether a sender's address is one of those that are served</param>
/// <param name="waiting">what waits for the guest, of all ports</param>
/// <param name="known">the senders of all ports</param>
internal sealed class DatagramPort(
    EventLoop loop, GuestLink link, ushort port, AsyncFile socket, Func<byte[], bool> serves, WaitingBytes waiting,
    DatagramSenders known) : IDisposable
{
    // As long as the kernel's connection tracking remembers a sender that got answers (nf_conntrack_udp_timeout_stream).
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(30);

    private readonly Dictionary<DatagramPeer, DatagramSender> _senders = [];
    private readonly HashSet<Task> _lives = [];
    private Task _forgetting = Task.CompletedTask;

    /// <summary>Serves until the object is disposed.</summary>
    internal async Task RunAsync()
    {
        byte[] buffer = new byte[Datagram.MaxLength];
        try
        {
            while (true)
            {
                int length = DatagramListener.TryReceive(socket.Handle, buffer, out DatagramPeer from);
                if (length < 0) await socket.ReadableAsync();
                else Take(from, buffer.AsSpan(0, length));
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or LinuxException)
        {
            // The guest no longer listens, or the machine is ending.
        }
        finally
        {
            Dispose();
            await Task.WhenAll(_lives);
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        foreach (DatagramSender sender in _senders.Values.ToArray()) sender.Close();
    }

    // A datagram for which there is no room is lost, as it would be in a socket's buffer.
    private void Take(DatagramPeer from, ReadOnlySpan<byte> datagram)
    {
        if (!_senders.TryGetValue(from, out DatagramSender? sender))
        {
            if (!serves(from.ToBytes()) || !known.TryMakeRoom()) return;
            sender = new DatagramSender(
                link, port, waiting,
                answer => DatagramListener.Send(socket.Handle, answer, from), gone => Remove(from, gone));
            _senders.Add(from, sender);
            known.Add(sender);
            _lives.RemoveWhere(static life => life.IsCompleted);
            _lives.Add(LiveAsync(sender));
            if (_forgetting.IsCompleted) _forgetting = ForgetSilentAsync();
        }

        sender.Take(datagram);
    }

    private async Task LiveAsync(DatagramSender sender)
    {
        await sender.RunAsync();
        known.Remove(sender);
    }

    private void Remove(DatagramPeer from, DatagramSender sender)
    {
        // While the guest is being told of it, it counts: there may be any number of ports, one after the other.
        if (sender.IsAnnounced) known.Remove(sender);
        // The next datagram from there begins anew, and may have done so already.
        if (_senders.TryGetValue(from, out DatagramSender? present) && present == sender) _senders.Remove(from);
    }

    // One timer for all: a sender's own would outlive it, and there may be any number of senders, one after the other.
    private async Task ForgetSilentAsync()
    {
        while (_senders.Count > 0)
        {
            await loop.DelayAsync(BetweenLooks);
            long before = Environment.TickCount64 - (long)Silence.TotalMilliseconds;
            DatagramSender[] silent = [.. _senders.Values.Where(sender => sender.LastUsed <= before)];
            foreach (DatagramSender sender in silent) sender.Close();
        }
    }
}
