namespace Runcvm.Protocol.Wire;

/// <summary>The other side sent something that cannot be what it should be.</summary>
public sealed class WireFormatException(string message) : Exception(message);
