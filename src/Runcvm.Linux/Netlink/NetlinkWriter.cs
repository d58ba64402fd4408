using System.Buffers.Binary;
using System.Text;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

/// <summary>Writes one netlink request, see netlink(7). Numbers are the machine's own, and all machines that this
/// project knows are little-endian. Mirrors <see cref="NetlinkReader"/>.</summary>
internal sealed class NetlinkWriter
{
    internal const int HeaderSize = 16;

    // The largest request is a filter with a program, which has less than 400 instructions of 8 bytes.
    private readonly byte[] _buffer = new byte[4096];
    private int _length = HeaderSize;

    internal NetlinkWriter(ushort type, ushort flags)
    {
        Span<byte> header = _buffer;
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)(flags | Libc.NLM_F_REQUEST));
    }

    /// <summary>The request with its length and number filled in.</summary>
    internal ReadOnlySpan<byte> Finish(uint sequence)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer, _length);
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(8), sequence);
        return _buffer.AsSpan(0, _length);
    }

    internal void Byte(byte value) => Take(1)[0] = value;

    internal void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);

    internal void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    internal void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);

    /// <summary>A number in the byte order of the network.</summary>
    internal void NetworkUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);

    internal void Zeros(int count) => Take(count);

    internal void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    internal void Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        using (Nested(type)) Bytes(value);
    }

    internal void Attribute(ushort type, uint value)
    {
        using (Nested(type)) UInt32(value);
    }

    /// <summary>A text with the NUL byte that the kernel expects.</summary>
    internal void Attribute(ushort type, string value)
    {
        using (Nested(type))
        {
            Encoding.UTF8.GetBytes(value, Take(Encoding.UTF8.GetByteCount(value)));
            Byte(0);
        }
    }

    /// <summary>An attribute whose value is what is written until the scope is disposed.</summary>
    internal Scope Nested(ushort type)
    {
        int start = _length;
        Take(2);
        UInt16(type);
        return new Scope(this, start);
    }

    private Span<byte> Take(int count)
    {
        Span<byte> taken = _buffer.AsSpan(_length, count);
        _length += count;
        return taken;
    }

    private void Close(int start)
    {
        // The length does not count the padding that follows.
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(start), (ushort)(_length - start));
        _length = NetlinkReader.Align(_length);
    }

    internal readonly ref struct Scope(NetlinkWriter writer, int start)
    {
        public void Dispose() => writer.Close(start);
    }
}
