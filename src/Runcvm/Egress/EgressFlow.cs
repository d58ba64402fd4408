using System.Buffers.Binary;

namespace Runcvm.Egress;

/// <summary>Where a flow leads, as its key in the kernel's table says.</summary>
/// <param name="Address">the other end's</param>
/// <param name="Protocol">of IP</param>
/// <param name="Port">the other end's; 0 for pings</param>
internal readonly record struct EgressFlow(AddressPrefix Address, int Protocol, int Port)
{
    private const int ProtocolAt = FrameStack.FlowProtocol - FrameStack.Flow;
    private const int PortAt = FrameStack.FlowOtherPort - FrameStack.Flow;

    internal static EgressFlow Of(ReadOnlySpan<byte> key)
        => new(AddressPrefix.Of(key[..(AddressPrefix.Bits / 8)]),
            BinaryPrimitives.ReadInt32LittleEndian(key[ProtocolAt..]),
            BinaryPrimitives.ReadUInt16BigEndian(key[PortAt..]));
}
