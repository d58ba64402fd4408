using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Bpf;

/// <summary>bpf(2). Members of union bpf_attr of linux/bpf.h, each up to the last field that is used here; the kernel
/// takes any length, and 0 for the rest.</summary>
internal static unsafe class BpfCall
{
    private const int NameSize = 16;

    internal static SafeFileHandle CreateMap(
        uint type, int keySize, int valueSize, int entries, uint flags, string name)
    {
        var create = new MapCreate
        {
            map_type = type,
            key_size = (uint)keySize,
            value_size = (uint)valueSize,
            max_entries = (uint)entries,
            map_flags = flags,
        };
        Name(name, create.map_name);
        return Open(Libc.BPF_MAP_CREATE, &create, sizeof(MapCreate), $"make the map {name}");
    }

    internal static void Update(SafeFileHandle map, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, string name)
    {
        fixed (byte* k = key)
        fixed (byte* v = value)
        {
            var element = new MapElement { map_fd = Number(map), key = (ulong)k, value = (ulong)v };
            SystemCall.Check(Call(Libc.BPF_MAP_UPDATE_ELEM, &element, sizeof(MapElement)), $"fill the map {name}");
        }
    }

    /// <summary>False where there is no such key.</summary>
    internal static bool TryLookup(SafeFileHandle map, ReadOnlySpan<byte> key, Span<byte> value)
        => TryRead(Libc.BPF_MAP_LOOKUP_ELEM, map, key, value);

    internal static void Freeze(SafeFileHandle map, string name)
    {
        var element = new MapElement { map_fd = Number(map) };
        SystemCall.Check(Call(Libc.BPF_MAP_FREEZE, &element, sizeof(uint)), $"freeze the map {name}");
    }

    /// <summary>Loads a program. What the kernel has against it is the end of the error.</summary>
    /// <param name="program">its instructions</param>
    /// <param name="type">one of BPF_PROG_TYPE_*</param>
    /// <param name="attachType">where it is for, for types that have several places; else 0</param>
    /// <param name="name">at most 15 characters</param>
    internal static SafeFileHandle Load(byte[] program, uint type, uint attachType, string name)
    {
        const int InstructionSize = 8, LogSize = 1 << 20;
        fixed (byte* instructions = program)
        fixed (byte* license = "Dual MIT/GPL\0"u8)
        {
            var load = new ProgramLoad
            {
                prog_type = type,
                insn_cnt = (uint)(program.Length / InstructionSize),
                insns = (ulong)instructions,
                license = (ulong)license,
                expected_attach_type = attachType,
            };
            Name(name, load.prog_name);
            nint result = Call(Libc.BPF_PROG_LOAD, &load, sizeof(ProgramLoad));
            if (result >= 0) return new SafeFileHandle(result, ownsHandle: true);
            Errno errno = SystemCall.LastError;
            byte[] log = new byte[LogSize];
            fixed (byte* words = log)
            {
                // Only now: writing it makes loading slower.
                load.log_level = 1;
                load.log_size = LogSize;
                load.log_buf = (ulong)words;
                _ = Call(Libc.BPF_PROG_LOAD, &load, sizeof(ProgramLoad));
            }

            throw new LinuxException(errno, $"load the program {name}", LastWords(log));
        }
    }

    /// <summary>Attaches a program, for as long as the file that is the result is open somewhere.</summary>
    internal static SafeFileHandle Attach(SafeFileHandle program, SafeFileHandle target, uint attachType, string what)
    {
        var link = new LinkCreate { prog_fd = Number(program), target_fd = Number(target), attach_type = attachType };
        return Open(Libc.BPF_LINK_CREATE, &link, sizeof(LinkCreate), what);
    }

    /// <summary>Opens a program or a map that somebody else made. Takes CAP_SYS_ADMIN or CAP_BPF.</summary>
    internal static SafeFileHandle OpenById(int command, uint id, string what)
    {
        var element = new MapElement { map_fd = id };
        return Open(command, &element, sizeof(ulong), what);
    }

    /// <summary>What the kernel knows of it: struct bpf_prog_info or bpf_map_info, as far as it is asked for.</summary>
    internal static void Info(SafeFileHandle file, Span<byte> info)
    {
        fixed (byte* p = info)
        {
            var query = new Query { bpf_fd = Number(file), info_len = (uint)info.Length, info = (ulong)p };
            SystemCall.Check(Call(Libc.BPF_OBJ_GET_INFO_BY_FD, &query, sizeof(Query)), $"look at a program");
        }
    }

    /// <summary>Takes a key out; false where there is none.</summary>
    internal static bool TryDelete(SafeFileHandle map, ReadOnlySpan<byte> key)
        => TryRead(Libc.BPF_MAP_DELETE_ELEM, map, key, []);

    /// <summary>Reads whole buckets of a hash table; false when the last one was among them.</summary>
    /// <param name="map">the table</param>
    /// <param name="cursor">the next bucket; null before the first</param>
    /// <param name="keys">filled</param>
    /// <param name="values">filled</param>
    /// <param name="count">for how many there is room; how many came</param>
    internal static bool TryBatch(
        SafeFileHandle map, ref uint? cursor, Span<byte> keys, Span<byte> values, ref int count)
    {
        uint from = cursor ?? 0, to = 0;
        fixed (byte* k = keys)
        fixed (byte* v = values)
        {
            var batch = new MapBatch
            {
                in_batch = cursor == null ? 0 : (ulong)(&from),
                out_batch = (ulong)(&to),
                keys = (ulong)k,
                values = (ulong)v,
                count = (uint)count,
                map_fd = Number(map),
            };
            nint result = Call(Libc.BPF_MAP_LOOKUP_BATCH, &batch, sizeof(MapBatch));
            bool isLast = result < 0 && SystemCall.LastError == Errno.ENOENT;
            if (!isLast) SystemCall.Check(result, $"read a map");
            count = (int)batch.count;
            cursor = to;
            return !isLast;
        }
    }

    private static bool TryRead(int command, SafeFileHandle map, ReadOnlySpan<byte> key, Span<byte> answer)
    {
        fixed (byte* k = key)
        fixed (byte* a = answer)
        {
            var element = new MapElement { map_fd = Number(map), key = (ulong)k, value = (ulong)a };
            nint result = Call(command, &element, sizeof(MapElement));
            if (result < 0 && SystemCall.LastError == Errno.ENOENT) return false;
            SystemCall.Check(result, $"read a map");
            return true;
        }
    }

    private static string LastWords(byte[] log)
    {
        const int Lines = 3;
        int end = Array.IndexOf(log, (byte)0);
        string[] lines = Encoding.ASCII.GetString(log, 0, end < 0 ? log.Length : end)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return string.Join("; ",
            lines.Where(static line => !line.StartsWith("processed ", StringComparison.Ordinal)).TakeLast(Lines));
    }

    private static SafeFileHandle Open(int command, void* arguments, int size, string what)
    {
        nint result = Call(command, arguments, size);
        SystemCall.Check(result, $"{what}");
        return new SafeFileHandle(result, ownsHandle: true);
    }

    private static nint Call(int command, void* arguments, int size)
        => Libc.syscall(SystemCallNumber.Here.bpf, command, (nint)arguments, size);

    private static uint Number(SafeFileHandle file) => (uint)file.DangerousGetHandle();

    private static void Name(string name, byte* to) => Encoding.ASCII.GetBytes(name, new Span<byte>(to, NameSize - 1));

    [StructLayout(LayoutKind.Sequential)]
    private struct MapCreate
    {
        internal uint map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node;
        internal fixed byte map_name[NameSize];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MapElement
    {
        internal uint map_fd, padding;
        internal ulong key, value, flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MapBatch
    {
        internal ulong in_batch, out_batch, keys, values;
        internal uint count, map_fd;
        internal ulong elem_flags, flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Query
    {
        internal uint bpf_fd, info_len;
        internal ulong info;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramLoad
    {
        internal uint prog_type, insn_cnt;
        internal ulong insns, license;
        internal uint log_level, log_size;
        internal ulong log_buf;
        internal uint kern_version, prog_flags;
        internal fixed byte prog_name[NameSize];
        internal uint prog_ifindex, expected_attach_type;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkCreate
    {
        internal uint prog_fd, target_fd, attach_type, flags;
    }
}
