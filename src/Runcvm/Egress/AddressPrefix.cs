using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Runcvm.Egress;

/// <summary>Addresses that begin alike. Those of IPv4 are the ones in ::ffff:0:0/96, as in the kernel's
/// sockets.</summary>
/// <param name="Address">the first of them</param>
/// <param name="Length">bits that are the same, of 128</param>
internal readonly record struct AddressPrefix(UInt128 Address, int Length)
{
    internal const int Bits = 128;
    internal const int BitsBeforeIPv4 = 96;

    /// <summary>All addresses of IPv4.</summary>
    internal static AddressPrefix IPv4 { get; } = new((UInt128)0xFFFF << 32, BitsBeforeIPv4);

    internal bool IsIPv4 => IPv4.Covers(this);

    /// <summary>One address, of 4 or 16 bytes.</summary>
    internal static AddressPrefix Of(ReadOnlySpan<byte> address)
        => address.Length == 4
            ? new AddressPrefix(IPv4.Address | BinaryPrimitives.ReadUInt32BigEndian(address), Bits)
            : new AddressPrefix(BinaryPrimitives.ReadUInt128BigEndian(address), Bits);

    /// <summary>ADDRESS or ADDRESS/LENGTH, also where bits behind the prefix are set; null for anything else.</summary>
    internal static AddressPrefix? TryParse(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string address = slash < 0 ? text : text[..slash];
        bool isIPv6 = address.Contains(':', StringComparison.Ordinal);
        // IPAddress also reads 10.1 and 0x0a000001, which nobody means.
        if (!isIPv6 && address.Count(static c => c == '.') != 3) return null;
        if (address.Contains('%', StringComparison.Ordinal)
            || !address.All(static c => char.IsAsciiHexDigit(c) || c is '.' or ':')) return null;
        if (!IPAddress.TryParse(address, out IPAddress? parsed)) return null;
        if (parsed.AddressFamily != (isIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork)) return null;
        AddressPrefix one = Of(parsed.GetAddressBytes());
        if (slash < 0) return one;
        int before = isIPv6 ? 0 : BitsBeforeIPv4;
        return int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            && length <= Bits - before
            ? one with { Length = before + length }
            : null;
    }

    /// <summary>Whether the other's addresses are all among these. Those of IPv4 are in no prefix of IPv6, not in ::/0
    /// either.</summary>
    internal bool Covers(AddressPrefix other)
        => other.Length >= Length && (other.Address & Mask) == (Address & Mask)
            && (Length >= BitsBeforeIPv4 || !other.IsIPv4);

    /// <summary>Without the bits behind the prefix.</summary>
    internal AddressPrefix Network => this with { Address = Address & Mask };

    /// <summary>The 16 bytes.</summary>
    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[Bits / 8];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Address);
        return bytes;
    }

    /// <summary>The 4 bytes of one of IPv4, or the 16.</summary>
    internal byte[] ToShortBytes() => IsIPv4 ? ToBytes()[12..] : ToBytes();

    /// <summary>As people write it.</summary>
    public override string ToString()
    {
        byte[] bytes = ToBytes();
        bool isIPv4 = IsIPv4;
        string address = new IPAddress(isIPv4 ? bytes.AsSpan(12) : bytes).ToString();
        return Length == Bits ? address
            : string.Create(CultureInfo.InvariantCulture, $"{address}/{(isIPv4 ? Length - BitsBeforeIPv4 : Length)}");
    }

    private UInt128 Mask => Length == 0 ? UInt128.Zero : UInt128.MaxValue << (Bits - Length);
}
