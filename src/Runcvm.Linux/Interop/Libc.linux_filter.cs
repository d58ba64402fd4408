namespace Runcvm.Linux.Interop;

/// <summary>Classic BPF: linux/filter.h, linux/bpf_common.h</summary>
internal static partial class Libc
{
    internal const ushort BPF_LD = 0x00;
    internal const ushort BPF_W = 0x00;
    internal const ushort BPF_H = 0x08;
    internal const ushort BPF_B = 0x10;
    internal const ushort BPF_ABS = 0x20;
    internal const ushort BPF_LEN = 0x80;
    internal const ushort BPF_ALU = 0x04;
    internal const ushort BPF_AND = 0x50;
    internal const ushort BPF_JMP = 0x05;
    internal const ushort BPF_JA = 0x00;
    internal const ushort BPF_JEQ = 0x10;
    internal const ushort BPF_JGT = 0x20;
    internal const ushort BPF_JGE = 0x30;
    internal const ushort BPF_JSET = 0x40;
    internal const ushort BPF_RET = 0x06;
    internal const ushort BPF_K = 0x00;
    internal const int BPF_MAXINSNS = 4096;
    internal const int SKF_AD_OFF = -0x1000;
    internal const int SKF_AD_MARK = 20;
    internal const int SKF_AD_VLAN_TAG_PRESENT = 48;
}
