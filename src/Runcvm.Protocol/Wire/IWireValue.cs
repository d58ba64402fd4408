namespace Runcvm.Protocol.Wire;

/// <summary>A value that is written as bytes and read back from them.</summary>
/// <typeparam name="TSelf">the type itself</typeparam>
public interface IWireValue<TSelf>
    where TSelf : IWireValue<TSelf>
{
    /// <summary>Writes it.</summary>
    void Write(WireWriter w);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="WireFormatException">the bytes are no such value</exception>
    static abstract TSelf Read(ref WireReader r);
}
