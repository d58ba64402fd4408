using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Network;
using Runcvm.Sandbox;

namespace Runcvm.Brokering;

/// <summary>Asks the broker to look at the container's network, and to lead in what came.</summary>
/// <param name="socket">to the broker</param>
internal sealed class NetworkQuestions(AsyncFile socket) : IDisposable
{
    /// <summary>Adapts the taps to how the network is now. One question at a time.</summary>
    /// <returns>null when nothing has changed</returns>
    /// <exception cref="UsageException">the broker could not</exception>
    internal async Task<NetworkState?> AskAsync()
    {
        await socket.WriteAsync(new byte[] { 1 });
        byte[] length = new byte[sizeof(uint)];
        await FillAsync(length);
        byte[] answer = new byte[SizedMessage.LengthIn(length, NetworkAnswer.MostBytes)];
        await FillAsync(answer);
        return NetworkAnswer.Read(answer);
    }

    public void Dispose() => socket.Dispose();

    private async Task FillAsync(Memory<byte> target)
    {
        for (int got; !target.IsEmpty; target = target[got..])
        {
            got = await socket.ReadAsync(target);
            if (got == 0) throw new LinuxException(Errno.EPIPE, "ask the broker about the network");
        }
    }
}
