namespace Runcvm.Egress;

/// <summary>Where the programs keep things on their stack of 512 bytes, from its end down.</summary>
internal static class FrameStack
{
    // 14 bytes: to, from, kind.
    internal const int Ethernet = -16;
    internal const int EthernetType = Ethernet + 12;

    // Length in bits, then the address.
    internal const int PrefixKey = -40;
    internal const int Target = PrefixKey + 4;

    // Other end and own end, their ports, protocol.
    internal const int Flow = -80;
    internal const int FlowOther = Flow;
    internal const int FlowOwn = Flow + 16;
    internal const int FlowOtherPort = Flow + 32;
    internal const int FlowOwnPort = Flow + 34;
    internal const int FlowProtocol = Flow + 36;
    internal const int FlowSize = 40;

    internal const int HeaderV4 = -104;
    internal const int HeaderV6 = -144;
    internal const int Transport = -168;
    internal const int Now = -176;
    internal const int TransportOffset = -180;
    internal const int Number = -188;

    // When it was last seen, and who began it.
    internal const int FlowValue = -208;
    internal const int FlowValueSize = 16;

    // Who that is. What a change of rules has ended stays in the table, so that the other end does not begin it.
    internal const int BegunByOthers = 0;
    internal const int BegunByMachine = 1;
    internal const int EndedByChange = 2;

    // Address, port, protocol, reason.
    internal const int Refusal = -232;
    internal const int RefusalSize = 24;
    internal const int RefusalPort = Refusal + 16;
    internal const int RefusalProtocol = Refusal + 18;
    internal const int RefusalReason = Refusal + 20;

    // How often, and when last.
    internal const int RefusalValue = -248;
    internal const int RefusalValueSize = 16;

    // An answer of ours is put together here, from its Ethernet header on; what is summed up for it is aligned to 4.
    internal const int Answer = -384;
}
