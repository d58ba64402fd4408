using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;

namespace Runcvm.Fuzz;

/// <summary>The streams between host and guest, cut into frames, pieces and messages. The first byte says how long the
/// reads are.</summary>
internal static class FrameTarget
{
    private const int Channels = 8;

    internal static void Run(byte[] input)
    {
        if (input.Length < 2) return;
        int step = Math.Max(1, (int)input[0]);
        byte[] stream = input[1..];
        Try(() => Multiplex(stream, step));
        Try(() => ReceiveShares(stream, step));
        Try(() => ReadMessages(stream, step));
    }

    private static void Multiplex(byte[] stream, int step)
    {
        var multiplexer = new Multiplexer();
        Channel[] channels = [.. Enumerable.Range(0, Channels).Select(id => multiplexer.Open((uint)id))];
        byte[] buffer = new byte[4096];
        int from = 0;
        for (int to = step; from < stream.Length; to += step)
        {
            to = Math.Min(to, stream.Length);
            int used = multiplexer.Receive(stream.AsSpan(from, to - from));
            if (used < 0 || used > to - from) throw new InvalidOperationException(
                $"{used} of {to - from} bytes were used");
            from += used;
            foreach (Channel channel in channels)
            {
                // What is there is read at once, so nothing is waited for.
                if (channel.HasUnread && !channel.ReadAsync(buffer).AsTask().IsCompleted)
                    throw new InvalidOperationException("a read waits");
            }

            if (to == stream.Length) return;
        }
    }

    private static void ReceiveShares(byte[] stream, int step)
    {
        int at = 0;
        var receiver = new ShareReceiver(buffer =>
        {
            int take = Math.Min(Math.Min(step, buffer.Length), stream.Length - at);
            stream.AsSpan(at, take).CopyTo(buffer);
            at += take;
            return take;
        });
        while (receiver.Receive() is { } message) message.Return();
    }

    private static void ReadMessages(byte[] stream, int step)
    {
        int at = 0;
        var reader = new MessageReader(
            buffer =>
            {
                int take = Math.Min(Math.Min(step, buffer.Length), stream.Length - at);
                stream.AsMemory(at, take).CopyTo(buffer);
                at += take;
                return ValueTask.FromResult(take);
            }, MessageReader.MaxLengthOfGuest);
        while (reader.ReadAsync().AsTask().GetAwaiter().GetResult() != null)
        {
        }
    }

    private static void Try(Action read)
    {
        try
        {
            read();
        }
        catch (WireFormatException)
        {
            // The promise.
        }
    }
}
