using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>A network interface of the guest, a copy of the container's own.</summary>
/// <param name="Name">its name in the guest, as in the container: eth0</param>
/// <param name="HardwareAddress">6 bytes</param>
/// <param name="Mtu">bytes</param>
/// <param name="Addresses">addresses with prefix lengths</param>
/// <param name="Routes">routes over this interface, in the order in which they can be added</param>
public sealed record NetworkInterface(
    string Name, byte[] HardwareAddress, uint Mtu, IReadOnlyList<InterfaceAddress> Addresses, IReadOnlyList<Route> Routes)
    : IWireValue<NetworkInterface>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Name);
        w.Bytes(HardwareAddress);
        w.UInt32(Mtu);
        w.List(Addresses, static (w, address) => address.Write(w));
        w.List(Routes, static (w, route) => route.Write(w));
    }

    /// <inheritdoc/>
    public static NetworkInterface Read(ref WireReader r)
        => new(r.Text(), r.Bytes(), r.UInt32(), r.List(InterfaceAddress.Read), r.List(Route.Read));

    /// <summary>Writes one that may be missing.</summary>
    public static void WriteOptional(WireWriter w, NetworkInterface? item)
    {
        w.Flag(item != null);
        item?.Write(w);
    }

    /// <summary>Reads what <see cref="WriteOptional"/> wrote.</summary>
    public static NetworkInterface? ReadOptional(ref WireReader r) => r.Flag() ? Read(ref r) : null;
}

/// <summary>An address of an interface.</summary>
/// <param name="Address">4 bytes (IPv4) or 16 (IPv6)</param>
/// <param name="PrefixLength">bits of the network's part</param>
/// <param name="Scope">RT_SCOPE_* of rtnetlink(7): 0 global, 253 link</param>
public sealed record InterfaceAddress(byte[] Address, byte PrefixLength, byte Scope) : IWireValue<InterfaceAddress>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Bytes(Address);
        w.Byte(PrefixLength);
        w.Byte(Scope);
    }

    /// <inheritdoc/>
    public static InterfaceAddress Read(ref WireReader r) => new(r.Bytes(), r.Byte(), r.Byte());
}

/// <summary>A route over an interface.</summary>
/// <param name="Destination">4 or 16 bytes; zeros with prefix length 0 for the default route</param>
/// <param name="PrefixLength">bits of the destination that count</param>
/// <param name="Gateway">4 or 16 bytes, or empty for a network that is on the link</param>
/// <param name="Scope">RT_SCOPE_* of rtnetlink(7)</param>
/// <param name="Metric">priority; 0 is the kernel's default</param>
public sealed record Route(byte[] Destination, byte PrefixLength, byte[] Gateway, byte Scope, uint Metric)
    : IWireValue<Route>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Bytes(Destination);
        w.Byte(PrefixLength);
        w.Bytes(Gateway);
        w.Byte(Scope);
        w.UInt32(Metric);
    }

    /// <inheritdoc/>
    public static Route Read(ref WireReader r) => new(r.Bytes(), r.Byte(), r.Bytes(), r.Byte(), r.UInt32());
}
