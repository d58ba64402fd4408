using System.Buffers.Binary;
using System.Text;

namespace Runcvm.Linux.Bpf;

/// <summary>How the running kernel's own types are laid out, as it says itself: Documentation/bpf/btf.rst.</summary>
public sealed class KernelTypes
{
    private const string Place = "/sys/kernel/btf/vmlinux";
    private const int HeaderSize = 24;
    private const int TypeSize = 12;
    private const int MemberSize = 12;
    private const int Structure = 4, Union = 5, FunctionKind = 12;

    private readonly byte[] _bytes;
    private readonly int _names;
    private readonly List<int> _types = [0];

    private KernelTypes(byte[] bytes)
    {
        _bytes = bytes;
        int header = Number(4);
        _names = header + Number(16);
        int next = header + Number(8);
        int end = next + Number(12);
        while (next < end)
        {
            _types.Add(next);
            next += TypeSize + Extra(Kind(next), Count(next));
        }
    }

    /// <summary>Null where the kernel does not say.</summary>
    public static KernelTypes? TryRead()
    {
        const ushort Magic = 0xEB9F;
        if (!File.Exists(Place)) return null;
        byte[] bytes = File.ReadAllBytes(Place);
        return bytes.Length > HeaderSize && BinaryPrimitives.ReadUInt16LittleEndian(bytes) == Magic
            ? new KernelTypes(bytes) : null;
    }

    /// <summary>The number of a function; null where the kernel has none of that name.</summary>
    public int? Function(string name) => Find(name, FunctionKind);

    /// <summary>Where a member is, also one of a nameless structure inside: bits from the beginning. Null where there
    /// is none.</summary>
    public int? BitOffset(string structure, string member)
    {
        byte[] wanted = [.. Encoding.ASCII.GetBytes(member), 0];
        return Find(structure, Structure) is { } number ? BitOffset(_types[number], wanted) : null;
    }

    private int? BitOffset(int type, ReadOnlySpan<byte> member)
    {
        // With bit fields, the upper byte of an offset is a size.
        bool hasFields = Number(type + 4) < 0;
        for (int i = 0; i < Count(type); i++)
        {
            int at = type + TypeSize + (i * MemberSize);
            int offset = hasFields ? Number(at + 8) & 0xFFFFFF : Number(at + 8);
            if (Number(at) != 0)
            {
                if (IsNamed(at, member)) return offset;
                continue;
            }

            int inner = _types[Number(at + 4)];
            if (Kind(inner) is Structure or Union && BitOffset(inner, member) is { } found) return offset + found;
        }

        return null;
    }

    private int? Find(string name, int kind)
    {
        byte[] wanted = [.. Encoding.ASCII.GetBytes(name), 0];
        for (int i = 1; i < _types.Count; i++)
        {
            if (Kind(_types[i]) == kind && IsNamed(_types[i], wanted)) return i;
        }

        return null;
    }

    private bool IsNamed(int at, ReadOnlySpan<byte> name) => _bytes.AsSpan(_names + Number(at)).StartsWith(name);

    private int Kind(int type) => (Number(type + 4) >> 24) & 0x1F;

    private int Count(int type) => Number(type + 4) & 0xFFFF;

    private int Number(int at) => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(at));

    // What follows an entry of each kind: an integer, array, variable or tag has one record, others one for each
    // member.
    private static int Extra(int kind, int count) => kind switch
    {
        1 or 14 or 17 => 4,
        3 => 12,
        Structure or Union or 15 or 19 => count * 12,
        6 or 13 => count * 8,
        2 or (>= 7 and <= 12) or 16 or 18 => 0,
        _ => throw new LinuxException(Errno.EINVAL, $"read {Place}"),
    };
}
