using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Processes;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Brokering;

/// <summary>What the broker is for: the first message to it, sent before anything of the guest was read.</summary>
internal sealed record BrokerOrder : IWireValue<BrokerOrder>
{
    // More than any number of interfaces comes to.
    private const int MostBytes = 1024 * 1024;

    /// <summary>how many taps lead nowhere yet; none where the network cannot change</summary>
    internal ushort Spares { get; init; }

    /// <summary>the machine's first interfaces</summary>
    internal IReadOnlyList<NetworkInterface> Interfaces { get; init; } = [];

    /// <summary>the guest may send from any address</summary>
    internal bool MaySpoof { get; init; }

    /// <summary>how many policies came as files</summary>
    internal ushort Policies { get; init; }

    /// <summary>whether programs of the namespace came as files</summary>
    internal bool HasPrograms { get; init; }

    /// <summary>who joined the namespace gets out past the machine</summary>
    internal bool LetsJoinedOut { get; init; }

    /// <summary>whether it is known which nameservers are asked from the namespace</summary>
    internal bool KnowsNameservers { get; init; }

    /// <summary>and which these are</summary>
    internal IReadOnlyList<byte[]> Nameservers { get; init; } = [];

    /// <summary>how many sockets for shared ports came as files</summary>
    internal ushort Ports { get; init; }

    /// <summary>how many sockets of the host are forwarded</summary>
    internal ushort Sockets { get; init; }

    /// <summary>Whether it looks after the network.</summary>
    internal bool FollowsNetwork => Spares > 0;

    /// <summary>Whether there is anything to do for it.</summary>
    internal bool IsNeeded => FollowsNetwork || Ports > 0 || Sockets > 0;

    /// <summary>What it takes to do that, and nothing else.</summary>
    internal CapabilitySet Capabilities => CapabilitySet.Of(
        [
            .. FollowsNetwork ? ["CAP_NET_ADMIN"] : Array.Empty<string>(),
            .. Ports > 0 ? ["CAP_NET_BIND_SERVICE"] : Array.Empty<string>(),
            .. Sockets > 0 ? ForwardedSocket.Capabilities : [],
        ]);

    internal static BrokerOrder Of(
        MachineDescription description, SandboxNetwork network, int policies, NamespaceRules rules, int ports)
        => new()
        {
            Spares = (ushort)network.Spares.Count,
            Interfaces = [.. network.Interfaces.Select(static item => item.Description)],
            MaySpoof = description.MaySpoof,
            Policies = (ushort)policies,
            HasPrograms = rules.Programs != null,
            LetsJoinedOut = rules.LetsOut,
            KnowsNameservers = rules.Nameservers != null,
            Nameservers = rules.Nameservers ?? [],
            Ports = (ushort)ports,
            Sockets = (ushort)description.Sockets.Count,
        };

    internal void Send(SafeFileHandle socket) => SizedMessage.Send(socket, this);

    /// <exception cref="WireFormatException">it is none</exception>
    internal static BrokerOrder Receive(SafeFileHandle socket) => SizedMessage.Receive<BrokerOrder>(socket, MostBytes);

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt16(Spares);
        w.List(Interfaces, static (w, item) => item.Write(w));
        w.Flag(MaySpoof);
        w.UInt16(Policies);
        w.Flag(HasPrograms);
        w.Flag(LetsJoinedOut);
        w.Flag(KnowsNameservers);
        w.List(Nameservers, static (w, address) => w.Bytes(address));
        w.UInt16(Ports);
        w.UInt16(Sockets);
    }

    /// <inheritdoc/>
    public static BrokerOrder Read(ref WireReader r) => new()
    {
        Spares = r.UInt16(),
        Interfaces = r.List(NetworkInterface.Read),
        MaySpoof = r.Flag(),
        Policies = r.UInt16(),
        HasPrograms = r.Flag(),
        LetsJoinedOut = r.Flag(),
        KnowsNameservers = r.Flag(),
        Nameservers = r.List(static (ref WireReader r) => r.Bytes()),
        Ports = r.UInt16(),
        Sockets = r.UInt16(),
    };
}
