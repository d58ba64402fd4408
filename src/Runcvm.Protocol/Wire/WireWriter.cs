using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Runcvm.Protocol.Wire;

/// <summary>Writes a message: little-endian numbers, texts and lists with a u32 count in front. Mirrors
/// <see cref="WireReader"/>.</summary>
public sealed class WireWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    /// <summary>What was written so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>u8</summary>
    public void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    /// <summary>u8, 0 or 1</summary>
    public void Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    /// <summary>u16</summary>
    public void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.GetSpan(2), value);
        _buffer.Advance(2);
    }

    /// <summary>u32</summary>
    public void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    /// <summary>i32</summary>
    public void Int32(int value) => UInt32(unchecked((uint)value));

    /// <summary>u64</summary>
    public void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
    }

    /// <summary>i64</summary>
    public void Int64(long value) => UInt64(unchecked((ulong)value));

    /// <summary>bytes with a u32 length in front</summary>
    public void Bytes(ReadOnlySpan<byte> value)
    {
        UInt32((uint)value.Length);
        _buffer.Write(value);
    }

    /// <summary>UTF-8 with a u32 length in bytes in front</summary>
    public void Text(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        UInt32((uint)length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
    }

    /// <summary>a text of which, where it is longer than that many bytes, the rest is left out</summary>
    public void Shortened(string value, int maxBytes)
    {
        const string LeftOut = "…";
        if (Encoding.UTF8.GetByteCount(value) <= maxBytes)
        {
            Text(value);
            return;
        }

        int room = maxBytes - Encoding.UTF8.GetByteCount(LeftOut);
        Encoding.UTF8.GetEncoder().Convert(value, new byte[room], flush: false, out int used, out _, out _);
        if (char.IsHighSurrogate(value[used - 1])) used--;
        Text(value[..used] + LeftOut);
    }

    /// <summary>a text that may be missing: a flag, then the text</summary>
    public void OptionalText(string? value)
    {
        Flag(value != null);
        if (value != null) Text(value);
    }

    /// <summary>a list of texts</summary>
    public void Texts(IReadOnlyList<string> values)
    {
        UInt32((uint)values.Count);
        foreach (string value in values) Text(value);
    }

    /// <summary>a list of anything</summary>
    public void List<T>(IReadOnlyList<T> values, Action<WireWriter, T> write)
    {
        UInt32((uint)values.Count);
        foreach (T value in values) write(this, value);
    }
}
