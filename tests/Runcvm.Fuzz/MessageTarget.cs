using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Fuzz;

/// <summary>Every message between host and guest; the first byte chooses which.</summary>
internal static class MessageTarget
{
    private static readonly Action<byte[]>[] Messages =
    [
        RoundTrip.Of(Setup.Read, static (m, w) => m.Write(w)), RoundTrip.Of(Start.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Signal.Read, static (m, w) => m.Write(w)), RoundTrip.Of(Resize.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Connect.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(ReadKernelLog.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Flush.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(NetworkChange.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Adjust.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(SocketDialled.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Forget.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(WatchConsole.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(SetLimits.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(Hello.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Started.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(StartFailed.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Exited.Read, static (m, w) => m.Write(w)), RoundTrip.Of(Failed.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(Notice.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(Listening.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(KernelLog.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(Flushed.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(DialSocket.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(ConsoleText.Read, static (m, w) => m.Write(w)),
        RoundTrip.Of(BootReport.Read, static (m, w) => m.Write(w)),
            RoundTrip.Of(LimitsSet.Read, static (m, w) => m.Write(w)),
    ];

    internal static void Run(byte[] input)
    {
        if (input.Length == 0) return;
        try
        {
            Messages[input[0] % Messages.Length](input[1..]);
        }
        catch (WireFormatException)
        {
            // The promise.
        }
    }
}
