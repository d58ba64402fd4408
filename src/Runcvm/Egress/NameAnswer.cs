using System.Buffers.Binary;

namespace Runcvm.Egress;

/// <summary>What an answer says about the name that was asked for: its addresses, and those of the names that it stands
/// for.</summary>
/// <param name="Addresses">with the seconds that they hold</param>
/// <param name="Aliases">records of CNAME on the way there</param>
internal sealed record NameAnswer(IReadOnlyList<NameAnswer.Address> Addresses, IReadOnlyList<NameAnswer.Alias> Aliases)
{
    private const int MostRecords = 1000;
    private const int MostAliases = 16;
    private const ushort V4 = 1, Canonical = 5, V6 = 28, Internet = 1;

    /// <summary>Null where the answer section is broken.</summary>
    /// <param name="message">the answer</param>
    /// <param name="name">the name that was asked for</param>
    /// <param name="begin">where the answer section begins</param>
    internal static NameAnswer? TryRead(byte[] message, string name, int begin)
    {
        var addresses = new List<Address>();
        var aliases = new List<Alias>();
        int count = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(6));
        int at = begin;
        for (int i = 0; i < Math.Min(count, MostRecords); i++)
        {
            // Owner, type, class, seconds, length.
            if (DnsName.TryRead(message, at, compressed: true) is not { } owner
                || owner.End + 10 > message.Length) return null;
            ReadOnlySpan<byte> fixedPart = message.AsSpan(owner.End, 10);
            int data = owner.End + 10, length = BinaryPrimitives.ReadUInt16BigEndian(fixedPart[8..]);
            if (data + length > message.Length) return null;
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(fixedPart);
            uint seconds = BinaryPrimitives.ReadUInt32BigEndian(fixedPart[4..]);
            at = data + length;
            if (owner.Text == null || BinaryPrimitives.ReadUInt16BigEndian(fixedPart[2..]) != Internet) continue;
            if ((type, length) is (V4, 4) or (V6, 16))
                addresses.Add(new Address(owner.Text, message[data..at], seconds));
            else if (type == Canonical && DnsName.TryRead(message, data, compressed: true) is { Text: { } target })
                aliases.Add(new Alias(owner.Text, target, seconds));
        }

        return count <= MostRecords ? new NameAnswer(addresses, aliases).From(name) : null;
    }

    /// <summary>Whether it holds records of addresses that are not about the name.</summary>
    internal bool HasStrangers { get; private init; }

    private NameAnswer From(string name)
    {
        var names = new List<string> { name };
        var way = new List<Alias>();
        while (way.Count < MostAliases && Aliases.FirstOrDefault(alias => alias.Owner == names[^1]) is { } next
            && !names.Contains(next.Target))
        {
            way.Add(next);
            names.Add(next.Target);
        }

        // At any name of the way, as who asks for all records gets them.
        Address[] own = [.. Addresses.Where(address => names.Contains(address.Owner))];
        return new NameAnswer(own, way) { HasStrangers = own.Length < Addresses.Count };
    }

    /// <summary>An address record.</summary>
    /// <param name="Owner">its name</param>
    /// <param name="Bytes">4 or 16</param>
    /// <param name="Seconds">it holds</param>
    internal sealed record Address(string Owner, byte[] Bytes, uint Seconds)
    {
        internal byte[] ToBytes() => Record(Owner, Bytes.Length == 4 ? V4 : V6, Seconds, Bytes);
    }

    /// <summary>A record that says that a name stands for another one.</summary>
    /// <param name="Owner">the name</param>
    /// <param name="Target">the other one</param>
    /// <param name="Seconds">it holds</param>
    internal sealed record Alias(string Owner, string Target, uint Seconds)
    {
        internal byte[] ToBytes() => Record(Owner, Canonical, Seconds, DnsName.ToBytes(Target));
    }

    private static byte[] Record(string owner, ushort type, uint seconds, byte[] data)
    {
        byte[] middle = new byte[10];
        BinaryPrimitives.WriteUInt16BigEndian(middle, type);
        BinaryPrimitives.WriteUInt16BigEndian(middle.AsSpan(2), Internet);
        BinaryPrimitives.WriteUInt32BigEndian(middle.AsSpan(4), seconds);
        BinaryPrimitives.WriteUInt16BigEndian(middle.AsSpan(8), (ushort)data.Length);
        return [.. DnsName.ToBytes(owner), .. middle, .. data];
    }
}
