using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Bpf;

/// <summary>Memory of the kernel's that its programs share, and that goes with the last of them and the last copy of
/// its file: Documentation/bpf/maps.rst.</summary>
public sealed class KernelMap : IDisposable
{
    private readonly string _name;

    private KernelMap(SafeFileHandle file, string name)
    {
        File = file;
        _name = name;
    }

    /// <summary>Its name, as it was made with.</summary>
    public string Name => _name;

    /// <summary>Its open file.</summary>
    public SafeFileHandle File { get; }

    internal int Number => (int)File.DangerousGetHandle();

    /// <summary>The maps of a program of that name; null where the program of that number has another one, or is
    /// gone.</summary>
    /// <param name="program">its number in the kernel, and when it was loaded: numbers come again</param>
    /// <param name="name">its name</param>
    public static unsafe IReadOnlyList<KernelMap>? TryOf(LoadedProgram program, string name)
    {
        // struct bpf_prog_info: see LoadedProgram; how many maps at 52, where their numbers go at 56, name at 64.
        // struct bpf_map_info: name at 24.
        const int InfoSize = 80, MapInfoSize = 40, CountAt = 52, NumbersAt = 56, NameAt = 64, MapNameAt = 24,
            MostMaps = 16;
        uint* numbers = stackalloc uint[MostMaps];
        byte[] info = new byte[InfoSize];
        BitConverter.TryWriteBytes(info.AsSpan(CountAt), MostMaps);
        BitConverter.TryWriteBytes(info.AsSpan(NumbersAt), (ulong)numbers);
        var maps = new List<KernelMap>();
        try
        {
            // It holds its maps until they are open: else they could go with it, and their numbers be others'.
            using SafeFileHandle file = BpfCall.OpenById(Libc.BPF_PROG_GET_FD_BY_ID, program.Number, "open a program");
            BpfCall.Info(file, info);
            if (Text(info.AsSpan(NameAt)) != name || LoadedProgram.In(info) != program) return null;
            for (int i = 0; i < Math.Min(MostMaps, BitConverter.ToInt32(info, CountAt)); i++)
            {
                SafeFileHandle map = BpfCall.OpenById(Libc.BPF_MAP_GET_FD_BY_ID, numbers[i], "open a map");
                byte[] about = new byte[MapInfoSize];
                BpfCall.Info(map, about);
                maps.Add(new KernelMap(map, Text(about.AsSpan(MapNameAt, 16))));
            }

            return maps;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            foreach (KernelMap map in maps) map.Dispose();
            return null;
        }
    }

    /// <summary>Values by number, from 0.</summary>
    public static KernelMap Array(string name, int valueSize, int entries)
        => Make(Libc.BPF_MAP_TYPE_ARRAY, name, sizeof(uint), valueSize, entries, 0);

    /// <summary>One value, which who has the file can map, see <see cref="Mappings.SharedMapping.OfMap"/>.</summary>
    public static KernelMap Mapped(string name, int size)
        => Make(Libc.BPF_MAP_TYPE_ARRAY, name, sizeof(uint), size, 1, Libc.BPF_F_MMAPABLE);

    /// <summary>Values by prefix, of which the longest counts. Programs only read it.</summary>
    /// <param name="name">its name</param>
    /// <param name="keySize">4 bytes for the length in bits, and the bytes</param>
    /// <param name="valueSize">bytes</param>
    /// <param name="entries">most</param>
    public static KernelMap Prefixes(string name, int keySize, int valueSize, int entries)
        => Make(Libc.BPF_MAP_TYPE_LPM_TRIE, name, keySize, valueSize, entries,
            Libc.BPF_F_NO_PREALLOC | Libc.BPF_F_RDONLY_PROG);

    /// <summary>Values by key; what has not been used for longest makes room.</summary>
    public static KernelMap Recent(string name, int keySize, int valueSize, int entries)
        => Make(Libc.BPF_MAP_TYPE_LRU_HASH, name, keySize, valueSize, entries, 0);

    /// <summary>Sockets by number, from 0: a file's number in 8 bytes is put in.</summary>
    public static KernelMap OfSockets(int entries, string name)
        => Make(Libc.BPF_MAP_TYPE_SOCKMAP, name, sizeof(uint), sizeof(ulong), entries, 0);

    /// <summary>Puts a value in.</summary>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => BpfCall.Update(File, key, value, _name);

    /// <summary>Reads a value; false where there is none.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, Span<byte> value) => BpfCall.TryLookup(File, key, value);

    /// <summary>Takes a value out; false where there is none.</summary>
    public bool TryRemove(ReadOnlySpan<byte> key) => BpfCall.TryDelete(File, key);

    /// <summary>All that is in a map of <see cref="Recent"/>, bucket by bucket: nothing is missed that was there all
    /// the time, whatever others add and take away meanwhile.</summary>
    public IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot(int keySize, int valueSize, int room)
    {
        var entries = new List<(byte[], byte[])>();
        byte[] keys = new byte[room * keySize], values = new byte[room * valueSize];
        uint? cursor = null;
        for (bool more = true; more;)
        {
            int count = room;
            more = BpfCall.TryBatch(File, ref cursor, keys, values, ref count);
            for (int i = 0; i < count; i++)
                entries.Add((keys[(i * keySize)..((i + 1) * keySize)], values[(i * valueSize)..((i + 1) * valueSize)]));
        }

        return entries;
    }

    /// <summary>Nobody changes it by bpf(2) any more.</summary>
    public void Freeze() => BpfCall.Freeze(File, _name);

    /// <summary>Closes the file.</summary>
    public void Dispose() => File.Dispose();

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return System.Text.Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private static KernelMap Make(uint type, string name, int keySize, int valueSize, int entries, uint flags)
        => new(BpfCall.CreateMap(type, keySize, valueSize, entries, flags, name), name);
}
