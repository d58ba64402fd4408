namespace Runcvm.Guest.Network;

/// <summary>Networks, written as an address of theirs and a number of bits.</summary>
internal static class Prefix
{
    /// <summary>Whether <paramref name="address"/> has the first bits of <paramref name="network"/>.</summary>
    internal static bool Contains(byte[] network, int bits, byte[] address)
    {
        if (network.Length != address.Length) return false;
        int whole = bits / 8;
        if (!network.AsSpan(0, whole).SequenceEqual(address.AsSpan(0, whole))) return false;
        int left = bits % 8;
        return left == 0 || (network[whole] ^ address[whole]) >> (8 - left) == 0;
    }
}
