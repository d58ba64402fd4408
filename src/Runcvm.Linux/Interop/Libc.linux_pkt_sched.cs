namespace Runcvm.Linux.Interop;

/// <summary>Traffic control: linux/pkt_sched.h, pkt_cls.h, tc_act/tc_mirred.h</summary>
internal static partial class Libc
{
    internal const uint TC_H_CLSACT = 0xFFFFFFF1;
    internal const ushort TC_H_MIN_INGRESS = 0xFFF2;
    internal const ushort TC_H_MIN_EGRESS = 0xFFF3;
    internal const ushort TCA_KIND = 1;
    internal const ushort TCA_OPTIONS = 2;

    internal const ushort TCA_U32_CLASSID = 1;
    internal const ushort TCA_U32_SEL = 5;
    internal const ushort TCA_U32_ACT = 7;
    internal const ushort TCA_U32_INDEV = 8;
    internal const byte TC_U32_TERMINAL = 1;

    internal const ushort TCA_BPF_ACT = 1;
    internal const ushort TCA_BPF_OPS_LEN = 4;
    internal const ushort TCA_BPF_OPS = 5;
    internal const ushort TCA_BPF_FD = 6;
    internal const ushort TCA_BPF_NAME = 7;
    internal const ushort TCA_BPF_FLAGS = 8;
    internal const uint TCA_BPF_FLAG_ACT_DIRECT = 1;

    internal const ushort TCA_ACT_KIND = 1;
    internal const ushort TCA_ACT_OPTIONS = 2;
    internal const ushort TCA_MIRRED_PARMS = 2;
    internal const int TC_ACT_UNSPEC = -1;
    internal const int TC_ACT_OK = 0;
    internal const int TC_ACT_SHOT = 2;
    internal const int TC_ACT_STOLEN = 4;
    internal const int TCA_EGRESS_REDIR = 1;
    internal const int TCA_EGRESS_MIRROR = 2;
}
