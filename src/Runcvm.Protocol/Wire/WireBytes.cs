namespace Runcvm.Protocol.Wire;

/// <summary>A value as a whole: a message's body or a file, of which nothing may be left over.</summary>
public static class WireBytes
{
    /// <summary>The bytes of a value.</summary>
    public static ReadOnlySpan<byte> Of<T>(T value)
        where T : IWireValue<T>
    {
        var writer = new WireWriter();
        value.Write(writer);
        return writer.Written;
    }

    /// <summary>Reads the value that these bytes are, all of them.</summary>
    /// <exception cref="WireFormatException">they are no such value, or bytes are left over</exception>
    public static T Read<T>(ReadOnlySpan<byte> bytes)
        where T : IWireValue<T>
    {
        var reader = new WireReader(bytes);
        T value = T.Read(ref reader);
        reader.End();
        return value;
    }
}
