using Runcvm.Protocol.Frames;

namespace Runcvm.Tests.Protocol.Frames;

/// <summary>Two multiplexers, connected in memory on one thread.</summary>
internal sealed class ConnectedPair
{
    private readonly MemoryStreamEnd _toGuest = new();
    private readonly MemoryStreamEnd _toHost = new();
    private readonly Random _random;

    internal ConnectedPair(int seed = 0)
    {
        // Everything continues on this thread, as on the event loop.
        SynchronizationContext.SetSynchronizationContext(null);
        _random = new Random(seed);
        HostRun = Host.RunAsync(_toHost.ReadAsync, _toGuest.WriteAsync);
        GuestRun = Guest.RunAsync(_toGuest.ReadAsync, _toHost.WriteAsync);
    }

    internal Multiplexer Host { get; } = new();

    internal Multiplexer Guest { get; } = new();

    internal Task HostRun { get; }

    internal Task GuestRun { get; }

    internal (Channel Host, Channel Guest) Open(uint id) => (Host.Open(id), Guest.Open(id));

    /// <summary>Delivers until nothing moves any more.</summary>
    internal void Settle()
    {
        // Both, not either: one direction must not wait for the other to run dry.
        while (_toGuest.Deliver(_random.Next(1, 100_000)) | _toHost.Deliver(_random.Next(1, 100_000)))
        {
        }
    }

    /// <summary>The stream ends in both directions.</summary>
    internal void HangUp()
    {
        _toGuest.End();
        _toHost.End();
        Settle();
    }

    /// <summary>Reads a channel to its end.</summary>
    internal static async Task<byte[]> ReadAllAsync(Channel channel, int bufferSize = 10_000)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[bufferSize];
        for (int n; (n = await channel.ReadAsync(buffer)) > 0;) all.Write(buffer, 0, n);
        return all.ToArray();
    }

    internal static async Task SendAsync(Channel channel, byte[] bytes)
    {
        await channel.WriteAsync(bytes);
        channel.End();
    }

    /// <summary>The result of what must have ended by now.</summary>
    internal static T Ended<T>(Task<T> task)
    {
        Assert.True(task.IsCompleted, "it still waits");
        return task.GetAwaiter().GetResult();
    }
}
