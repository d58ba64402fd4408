using System.Text;

namespace Runcvm.Egress;

/// <summary>A name in a message of DNS (RFC 1035, 3.1 and 4.1.4).</summary>
/// <param name="Text">in lower case, without a dot at the end; null where a label holds what no host's name
/// does</param>
/// <param name="End">where what follows it begins</param>
internal readonly record struct DnsName(string? Text, int End)
{
    private const int MostBytes = 255;
    private const int Pointer = 0xC0;

    /// <summary>Null where it is broken.</summary>
    internal static DnsName? TryRead(ReadOnlySpan<byte> message, int at, bool compressed)
    {
        var text = new StringBuilder();
        bool readable = true;
        int end = -1, length = 0, from = at;
        while (at < message.Length)
        {
            int size = message[at];
            if (size >= Pointer)
            {
                // Only backwards, so that it ends.
                if (!compressed || at + 1 >= message.Length) return null;
                int target = ((size & ~Pointer) << 8) | message[at + 1];
                if (end < 0) end = at + 2;
                if (target >= from) return null;
                at = from = target;
                continue;
            }

            length += size + 1;
            if (size > 63 || length > MostBytes || at + 1 + size > message.Length) return null;
            if (size == 0) return new DnsName(readable ? text.ToString() : null, end < 0 ? at + 1 : end);
            if (text.Length > 0) text.Append('.');
            foreach (byte letter in message.Slice(at + 1, size))
            {
                char c = (char)letter;
                readable &= char.IsAsciiLetterOrDigit(c) || c is '-' or '_';
                text.Append(char.ToLowerInvariant(c));
            }

            at += 1 + size;
        }

        return null;
    }

    /// <summary>A name's bytes, without compression.</summary>
    internal static byte[] ToBytes(string name)
    {
        var bytes = new List<byte>();
        foreach (string label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            bytes.Add((byte)label.Length);
            bytes.AddRange(Encoding.ASCII.GetBytes(label));
        }

        return [.. bytes, 0];
    }
}
