using Runcvm.Network;
using Runcvm.Protocol.Wire;

namespace Runcvm.Brokering;

/// <summary>What the broker says of the network: nothing has changed, how it is now, or why it could not look.
/// </summary>
internal static class NetworkAnswer
{
    /// <summary>More than any number of cards comes to.</summary>
    internal const int MostBytes = 1024 * 1024;

    private const byte Unchanged = 0, Changed = 1, Failed = 2;

    internal static byte[] Of(NetworkState? state)
    {
        var w = new WireWriter();
        w.Byte(state == null ? Unchanged : Changed);
        state?.Write(w);
        return w.Written.ToArray();
    }

    internal static byte[] OfFailure(string reason)
    {
        var w = new WireWriter();
        w.Byte(Failed);
        w.Text(reason);
        return w.Written.ToArray();
    }

    /// <exception cref="UsageException">it is a failure</exception>
    /// <exception cref="WireFormatException">it is none of these</exception>
    internal static NetworkState? Read(ReadOnlySpan<byte> answer)
    {
        var r = new WireReader(answer);
        byte kind = r.Byte();
        if (kind == Failed) throw new UsageException(r.Text());
        if (kind > Changed) throw new WireFormatException($"an answer of kind {kind}");
        NetworkState? state = kind == Changed ? NetworkState.Read(ref r) : null;
        r.End();
        return state;
    }
}
