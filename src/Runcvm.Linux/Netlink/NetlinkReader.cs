using System.Buffers.Binary;
using System.Text;

namespace Runcvm.Linux.Netlink;

/// <summary>Reads attributes of a netlink answer one by one. Lengths that do not fit end the reading: the kernel never
/// sends such, and nothing outside the buffer is ever touched.</summary>
internal ref struct NetlinkReader(ReadOnlySpan<byte> attributes)
{
    // The upper two bits of the type say "nested" and "network byte order".
    private const ushort TypeMask = 0x3FFF;
    private const int HeaderSize = 4;

    private ReadOnlySpan<byte> _rest = attributes;

    internal ushort Type { get; private set; }

    internal ReadOnlySpan<byte> Value { get; private set; }

    internal readonly byte Byte => Value.IsEmpty ? (byte)0 : Value[0];

    internal readonly uint UInt32 => Value.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(Value);

    internal readonly string Text => Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    internal bool Next()
    {
        if (_rest.Length < HeaderSize) return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < HeaderSize || length > _rest.Length) return false;
        Type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & TypeMask);
        Value = _rest[HeaderSize..length];
        _rest = _rest[Math.Min(Align(length), _rest.Length)..];
        return true;
    }

    /// <summary>Messages and attributes begin at multiples of 4.</summary>
    internal static int Align(int length) => (length + 3) & ~3;
}
