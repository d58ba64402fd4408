using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>The container was connected to a network, or disconnected from one, or has other addresses or routes: how all of it
/// is from now on.</summary>
/// <param name="Cards">what each of the machine's network cards is: first those of <see cref="Setup.Interfaces"/>, then those of
/// <see cref="Setup.SpareCards"/>; null for one that is connected to nothing</param>
/// <param name="Sysctls">as <see cref="Setup.NetworkSysctls"/></param>
/// <param name="Files">what became of <see cref="Setup.Files"/>, in the same order</param>
/// <param name="DnsRelay">as <see cref="Setup.DnsRelay"/></param>
public sealed record NetworkChange(
    IReadOnlyList<NetworkInterface?> Cards, IReadOnlyList<KeyValuePair<string, string>> Sysctls, IReadOnlyList<byte[]> Files, bool DnsRelay)
    : IMessage<NetworkChange>
{
    static MessageKind IMessage<NetworkChange>.Kind => MessageKind.NetworkChange;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.List(Cards, NetworkInterface.WriteOptional);
        w.List(Sysctls, Setup.WriteSysctl);
        w.List(Files, static (w, file) => w.Bytes(file));
        w.Flag(DnsRelay);
    }

    /// <inheritdoc/>
    public static NetworkChange Read(ref WireReader r)
        => new(
            r.List(NetworkInterface.ReadOptional), r.List(Setup.ReadSysctl), r.List(static (ref r) => r.Bytes()),
            r.Flag());
}
