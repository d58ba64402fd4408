using System.Buffers.Binary;
using System.Text;

namespace Runcvm.Protocol.Wire;

/// <summary>Reads a message. Mirrors <see cref="WireWriter"/>. Every method throws <see cref="WireFormatException"/>
/// where bytes are missing or a count is past its limit.</summary>
public ref struct WireReader(ReadOnlySpan<byte> message)
{
    /// <summary>Most items of a list: as many empty arguments as fit into the kernel's 6 MiB, a byte and a pointer
    /// each.</summary>
    public const int MaxItems = 6 * 1024 * 1024 / 9;

    private readonly ReadOnlySpan<byte> _message = message;
    private int _at;

    /// <summary>Reads one item of a list.</summary>
    public delegate T Item<T>(ref WireReader reader);

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _message.Length - _at;

    /// <summary>u8</summary>
    public byte Byte() => Take(1)[0];

    /// <summary>u8, 0 or 1</summary>
    public bool Flag()
    {
        byte value = Byte();
        return value <= 1 ? value == 1 : throw new WireFormatException($"a flag is {value}, neither 0 nor 1");
    }

    /// <summary>u16</summary>
    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    /// <summary>u32</summary>
    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>i32</summary>
    public int Int32() => unchecked((int)UInt32());

    /// <summary>u64</summary>
    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>i64</summary>
    public long Int64() => unchecked((long)UInt64());

    /// <summary>bytes with a u32 length in front</summary>
    public byte[] Bytes() => Take(Length()).ToArray();

    /// <summary>UTF-8 with a u32 length in bytes in front</summary>
    public string Text() => Encoding.UTF8.GetString(Take(Length()));

    /// <summary>a text that may be missing</summary>
    public string? OptionalText() => Flag() ? Text() : null;

    /// <summary>a list of texts</summary>
    public string[] Texts() => List(static (ref WireReader reader) => reader.Text());

    /// <summary>a list of anything</summary>
    public T[] List<T>(Item<T> read)
    {
        uint count = UInt32();
        // No item is shorter than a byte: a count that cannot be true is refused before anything is allocated for it.
        if (count > MaxItems || count > Remaining) throw new WireFormatException($"a list claims {count} items in {Remaining} bytes");
        var items = new T[count];
        for (int i = 0; i < items.Length; i++) items[i] = read(ref this);
        return items;
    }

    /// <summary>Checks that nothing is left.</summary>
    public readonly void End()
    {
        if (Remaining != 0) throw new WireFormatException($"{Remaining} bytes too many at the end of a message");
    }

    private int Length()
    {
        uint length = UInt32();
        if (length > Remaining) throw new WireFormatException($"{length - Remaining} bytes are missing at the end of a message");
        return (int)length;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > Remaining) throw new WireFormatException($"{count - Remaining} bytes are missing at the end of a message");
        ReadOnlySpan<byte> taken = _message.Slice(_at, count);
        _at += count;
        return taken;
    }
}
