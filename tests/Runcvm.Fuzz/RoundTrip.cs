using Runcvm.Protocol.Wire;

namespace Runcvm.Fuzz;

/// <summary>What was read and written again reads the same.</summary>
internal static class RoundTrip
{
    internal static void Try<T>(byte[] bytes)
        where T : IWireValue<T>
    {
        byte[] once = WireBytes.Of(WireBytes.Read<T>(bytes)).ToArray();
        if (!WireBytes.Of(WireBytes.Read<T>(once)).SequenceEqual(once)) throw new InvalidOperationException(
            $"{typeof(T).Name} is another one when it is read again");
    }
}
