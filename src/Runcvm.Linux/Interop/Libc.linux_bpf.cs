namespace Runcvm.Linux.Interop;

/// <summary>bpf(2): linux/bpf.h</summary>
internal static partial class Libc
{
    internal const int BPF_MAP_CREATE = 0;
    internal const int BPF_MAP_UPDATE_ELEM = 2;
    internal const int BPF_PROG_LOAD = 5;
    internal const int BPF_LINK_CREATE = 28;
    internal const uint BPF_MAP_TYPE_SOCKMAP = 15;
    internal const uint BPF_PROG_TYPE_SK_LOOKUP = 30;
    internal const uint BPF_SK_LOOKUP = 36;
    internal const int BPF_PSEUDO_MAP_FD = 1;
    internal const int BPF_FUNC_map_lookup_elem = 1;
    internal const int BPF_FUNC_sk_release = 86;
    internal const int BPF_FUNC_sk_assign = 124;
}
