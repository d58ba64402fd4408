using Runcvm.Protocol.Wire;

namespace Runcvm.Fuzz;

/// <summary>What was read and written again reads the same.</summary>
internal static class RoundTrip
{
    internal delegate T Reading<T>(ref WireReader reader);

    internal static Action<byte[]> Of<T>(Reading<T> read, Action<T, WireWriter> write) => bytes =>
    {
        byte[] once = Write(bytes, read, write);
        byte[] twice = Write(once, read, write);
        if (!once.AsSpan().SequenceEqual(twice)) throw new InvalidOperationException(
            $"{typeof(T).Name} is another one when it is read again");
    };

    private static byte[] Write<T>(byte[] bytes, Reading<T> read, Action<T, WireWriter> write)
    {
        var reader = new WireReader(bytes);
        T message = read(ref reader);
        var writer = new WireWriter();
        write(message, writer);
        return writer.Written.ToArray();
    }
}
