using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>A message that came, whose body nobody has looked at yet.</summary>
/// <param name="Kind">what the sender says that it is</param>
/// <param name="Body">without the kind</param>
public readonly record struct ReceivedMessage(MessageKind Kind, byte[] Body)
{
    /// <summary>Its body, all of it.</summary>
    /// <exception cref="WireFormatException">it is of another kind, or its body is not one of that kind</exception>
    public T Read<T>()
        where T : IMessage<T>
        => Kind == T.Kind ? WireBytes.Read<T>(Body)
            : throw new WireFormatException($"message {(byte)Kind} came where {(byte)T.Kind} was due");
}
