namespace Runcvm.Linux.Interop;

/// <summary>bpf(2): linux/bpf.h</summary>
internal static partial class Libc
{
    internal const int BPF_MAP_CREATE = 0;
    internal const int BPF_MAP_LOOKUP_ELEM = 1;
    internal const int BPF_MAP_UPDATE_ELEM = 2;
    internal const int BPF_MAP_DELETE_ELEM = 3;
    internal const int BPF_PROG_LOAD = 5;
    internal const int BPF_PROG_GET_FD_BY_ID = 13;
    internal const int BPF_MAP_GET_FD_BY_ID = 14;
    internal const int BPF_OBJ_GET_INFO_BY_FD = 15;
    internal const int BPF_MAP_FREEZE = 22;
    internal const int BPF_MAP_LOOKUP_BATCH = 24;
    internal const int BPF_LINK_CREATE = 28;
    internal const uint BPF_MAP_TYPE_ARRAY = 2;
    internal const uint BPF_MAP_TYPE_LRU_HASH = 9;
    internal const uint BPF_MAP_TYPE_LPM_TRIE = 11;
    internal const uint BPF_MAP_TYPE_SOCKMAP = 15;
    internal const uint BPF_F_NO_PREALLOC = 1;
    internal const uint BPF_F_RDONLY_PROG = 1 << 7;
    internal const uint BPF_F_MMAPABLE = 1 << 10;
    internal const uint BPF_PROG_TYPE_SCHED_CLS = 3;
    internal const uint BPF_PROG_TYPE_SK_LOOKUP = 30;
    internal const uint BPF_SK_LOOKUP = 36;
    internal const int BPF_PSEUDO_MAP_FD = 1;
}
