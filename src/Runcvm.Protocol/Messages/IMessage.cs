using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>The body of a message. Its type says of which kind the message is.</summary>
/// <typeparam name="TSelf">the type itself</typeparam>
public interface IMessage<TSelf> : IWireValue<TSelf>
    where TSelf : IMessage<TSelf>
{
    /// <summary>The kind of a message with this body.</summary>
    static abstract MessageKind Kind { get; }
}
