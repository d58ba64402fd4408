using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

/// <summary>bpf(2): linux/bpf.h. Each argument is a part of union bpf_attr that ends with its last field used.</summary>
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

    [StructLayout(LayoutKind.Sequential)]
    internal struct bpf_map_create
    {
        internal uint map_type, key_size, value_size, max_entries;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct bpf_map_elem
    {
        internal uint map_fd, padding;
        internal ulong key, value, flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct bpf_prog_load
    {
        internal uint prog_type, insn_cnt;
        internal ulong insns, license;
        internal uint log_level, log_size;
        internal ulong log_buf;
        internal uint kern_version, prog_flags;
        internal ulong prog_name_low, prog_name_high;
        internal uint prog_ifindex, expected_attach_type;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct bpf_link_create
    {
        internal uint prog_fd, target_fd, attach_type, flags;
    }
}
