using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>The guest is up and says what it is.</summary>
/// <param name="Version">version of this protocol, see <see cref="CurrentVersion"/></param>
/// <param name="KernelRelease">uname -r of the guest</param>
/// <param name="BootMilliseconds">time since the guest's kernel started</param>
public sealed record Hello(uint Version, string KernelRelease, uint BootMilliseconds) : IMessage<Hello>
{
    /// <summary>Raised whenever a message changes: host and guest binaries come from one build.</summary>
    public const uint CurrentVersion = 5;

    static MessageKind IMessage<Hello>.Kind => MessageKind.Hello;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Version);
        w.Text(KernelRelease);
        w.UInt32(BootMilliseconds);
    }

    /// <inheritdoc/>
    public static Hello Read(ref WireReader r) => new(r.UInt32(), r.Text(), r.UInt32());
}
