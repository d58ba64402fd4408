namespace Runcvm.Protocol.Frames;

/// <summary>The other side wants no more data on a channel, or the whole stream is gone.</summary>
public sealed class ChannelClosedException(string message) : Exception(message);
