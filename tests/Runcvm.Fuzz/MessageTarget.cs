using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Fuzz;

/// <summary>Every message between host and guest; the first byte chooses which.</summary>
internal static class MessageTarget
{
    private static readonly Action<byte[]>[] Messages =
    [
        RoundTrip.Try<Setup>, RoundTrip.Try<Start>, RoundTrip.Try<Signal>, RoundTrip.Try<Resize>,
        RoundTrip.Try<Connect>, RoundTrip.Try<ReadKernelLog>, RoundTrip.Try<Flush>, RoundTrip.Try<NetworkChange>,
        RoundTrip.Try<Adjust>, RoundTrip.Try<SocketDialled>, RoundTrip.Try<Forget>, RoundTrip.Try<WatchConsole>,
        RoundTrip.Try<SetLimits>, RoundTrip.Try<Hello>, RoundTrip.Try<Started>, RoundTrip.Try<StartFailed>,
        RoundTrip.Try<Exited>, RoundTrip.Try<Failed>, RoundTrip.Try<Notice>, RoundTrip.Try<Listening>,
        RoundTrip.Try<KernelLog>, RoundTrip.Try<Flushed>, RoundTrip.Try<DialSocket>, RoundTrip.Try<ConsoleText>,
        RoundTrip.Try<BootReport>, RoundTrip.Try<LimitsSet>, RoundTrip.Try<Prepare>, RoundTrip.Try<Stopped>,
        RoundTrip.Try<ReadBootReport>, RoundTrip.Try<AddContainer>, RoundTrip.Try<RemoveContainer>,
        RoundTrip.Try<LoseShares>, RoundTrip.Try<Prepared>, RoundTrip.Try<Removed>, RoundTrip.Try<JoinPod>,
        RoundTrip.Try<JoinContainer>, RoundTrip.Try<ChangeContainer>, RoundTrip.Try<Change>, RoundTrip.Try<Changed>,
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
