namespace Runcvm.Fuse;

/// <summary>A request is too short to be answered: not even its header is there.</summary>
public sealed class BrokenRequestException : Exception
{
    internal BrokenRequestException(int length)
        : base($"the guest sent a file request of {length} bytes; its header alone has {Wire.RequestHeader.Size}")
    {
    }
}
