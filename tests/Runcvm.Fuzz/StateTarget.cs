using Runcvm.Guest.Processes;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Fuzz;

/// <summary>What verbs read from a machine's folder, and the orders of the guest's spawner; the first byte chooses
/// which.</summary>
internal static class StateTarget
{
    private static readonly Action<byte[]>[] Records =
    [
        RoundTrip.Try<MachineDescription>, RoundTrip.Try<MachineRecord>, RoundTrip.Try<MachineOutcome>,
        RoundTrip.Try<LaunchSpec>,
    ];

    internal static void Run(byte[] input)
    {
        if (input.Length == 0) return;
        try
        {
            Records[input[0] % Records.Length](input[1..]);
        }
        catch (WireFormatException)
        {
            // The promise.
        }
    }
}
