using System.Buffers.Binary;
using System.Text;

namespace Runcvm.WarmStarts;

/// <summary>The few words of AML that it takes to say that there is a device: chapter 20 of the ACPI specification,
/// version 6.5, and chapter 6.4 for resources.</summary>
internal sealed class AmlWriter
{
    private const byte NamePrefix = 0x08;
    private const byte BytePrefix = 0x0A;
    private const byte StringPrefix = 0x0D;
    private const byte ScopePrefix = 0x10;
    private const byte BufferPrefix = 0x11;
    private const int SegmentLength = 4;

    private readonly List<byte> _bytes = [];

    internal byte[] Written => [.. _bytes];

    /// <summary>DefScope, and in it <paramref name="content"/>.</summary>
    /// <param name="path">from the root: a backslash and a name of four letters</param>
    /// <param name="content">writes what is in it</param>
    internal void Scope(string path, Action<AmlWriter> content)
    {
        _bytes.Add(ScopePrefix);
        Package(w =>
        {
            w._bytes.AddRange(Encoding.ASCII.GetBytes(path));
            content(w);
        });
    }

    /// <summary>DefDevice.</summary>
    /// <param name="name">four letters</param>
    /// <param name="content">writes what is in it</param>
    internal void Device(string name, Action<AmlWriter> content)
    {
        _bytes.AddRange([0x5B, 0x82]);
        Package(w =>
        {
            w.Segment(name);
            content(w);
        });
    }

    /// <summary>DefName of a text.</summary>
    internal void Name(string name, string text)
    {
        _bytes.Add(NamePrefix);
        Segment(name);
        _bytes.Add(StringPrefix);
        _bytes.AddRange(Encoding.ASCII.GetBytes(text + '\0'));
    }

    /// <summary>DefName of a small number.</summary>
    internal void Name(string name, byte number)
    {
        _bytes.Add(NamePrefix);
        Segment(name);
        _bytes.AddRange([BytePrefix, number]);
    }

    /// <summary>DefName of what a device uses: memory that it can be written to at (Memory32Fixed), and an interrupt
    /// that is its own, of a level that is high (Extended Interrupt).</summary>
    internal void Resources(string name, uint memory, uint length, uint interrupt)
    {
        byte[] resources = [0x86, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x89, 6, 0, 1, 1, 0, 0, 0, 0, 0x79, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(resources.AsSpan(4), memory);
        BinaryPrimitives.WriteUInt32LittleEndian(resources.AsSpan(8), length);
        BinaryPrimitives.WriteUInt32LittleEndian(resources.AsSpan(17), interrupt);
        _bytes.Add(NamePrefix);
        Segment(name);
        _bytes.Add(BufferPrefix);
        Package(w =>
        {
            w._bytes.AddRange([BytePrefix, (byte)resources.Length]);
            w._bytes.AddRange(resources);
        });
    }

    private void Segment(string name)
    {
        if (name.Length != SegmentLength) throw new ArgumentException("a name in AML has four letters", nameof(name));
        _bytes.AddRange(Encoding.ASCII.GetBytes(name));
    }

    // PkgLength counts its own bytes: with one it goes to 63, with two to 4095.
    private void Package(Action<AmlWriter> content)
    {
        var inner = new AmlWriter();
        content(inner);
        byte[] bytes = inner.Written;
        const int MostOfOne = 63;
        int length = bytes.Length + (bytes.Length < MostOfOne ? 1 : 2);
        if (length > 4095) throw new InvalidDataException("a part of an ACPI table is too long");
        if (length <= MostOfOne) _bytes.Add((byte)length);
        else _bytes.AddRange([(byte)(0x40 | (length & 0xF)), (byte)(length >> 4)]);
        _bytes.AddRange(bytes);
    }
}
