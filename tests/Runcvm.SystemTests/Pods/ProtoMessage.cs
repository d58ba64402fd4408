using System.Text;

namespace Runcvm.SystemTests.Pods;

/// <summary>A message of Protocol Buffers, field by field: as much of them as the interface of Kubernetes to its
/// engines (CRI) takes.</summary>
internal sealed class ProtoMessage
{
    private const int Varint = 0;
    private const int Counted = 2;

    private readonly List<(int Field, ulong Number, byte[]? Bytes)> _fields = [];

    /// <summary>Adds a field. Of a repeated one there are as many.</summary>
    public ProtoMessage With(int field, long number)
    {
        _fields.Add((field, (ulong)number, null));
        return this;
    }

    public ProtoMessage With(int field, string text)
    {
        _fields.Add((field, 0, Encoding.UTF8.GetBytes(text)));
        return this;
    }

    public ProtoMessage With(int field, ProtoMessage message)
    {
        _fields.Add((field, 0, message.ToBytes()));
        return this;
    }

    public ProtoMessage With(int field, IEnumerable<string> texts)
    {
        foreach (string text in texts) With(field, text);
        return this;
    }

    /// <summary>The field as text; empty where it is not there.</summary>
    public string Text(int field) => Encoding.UTF8.GetString(Bytes(field));

    public long Number(int field) => (long)_fields.LastOrDefault(item => item.Field == field).Number;

    public ProtoMessage Message(int field) => Parse(Bytes(field));

    public byte[] ToBytes()
    {
        using var output = new MemoryStream();
        foreach ((int field, ulong number, byte[]? bytes) in _fields)
        {
            Put(output, ((ulong)field << 3) | (bytes == null ? Varint : (ulong)Counted));
            Put(output, bytes == null ? number : (ulong)bytes.Length);
            if (bytes != null) output.Write(bytes);
        }

        return output.ToArray();
    }

    public static ProtoMessage Parse(ReadOnlySpan<byte> bytes)
    {
        var message = new ProtoMessage();
        while (!bytes.IsEmpty)
        {
            ulong tag = Take(ref bytes);
            ulong number = Take(ref bytes);
            int length = (tag & 7) switch
            {
                Varint => -1,
                Counted => (int)number,
                _ => throw new InvalidDataException($"a field of kind {tag & 7}"),
            };
            message._fields.Add(((int)(tag >> 3), number, length < 0 ? null : bytes[..length].ToArray()));
            if (length > 0) bytes = bytes[length..];
        }

        return message;
    }

    private byte[] Bytes(int field) => _fields.LastOrDefault(item => item.Field == field).Bytes ?? [];

    private static void Put(MemoryStream output, ulong number)
    {
        for (; number >= 0x80; number >>= 7) output.WriteByte((byte)(number | 0x80));
        output.WriteByte((byte)number);
    }

    private static ulong Take(ref ReadOnlySpan<byte> bytes)
    {
        ulong number = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[0];
            bytes = bytes[1..];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return number;
        }
    }
}
