using Runcvm.Protocol.Wire;

namespace Runcvm.WarmStarts;

/// <summary>What is known of a template beside its files.</summary>
internal sealed record TemplateRecord : IWireValue<TemplateRecord>
{
    /// <summary>the image's name, for people</summary>
    internal string Image { get; init; } = "";

    /// <summary>the machine of which it was made</summary>
    internal string Machine { get; init; } = "";

    /// <summary>milliseconds since 1970</summary>
    internal long Created { get; init; }

    /// <summary>of the file with its memory and devices</summary>
    internal ulong MemoryBytes { get; init; }

    /// <summary>of its disk, with its holes</summary>
    internal ulong DiskBytes { get; init; }

    /// <summary>how many network cards it has</summary>
    internal uint Cards { get; init; }

    /// <summary>its devices are in the last places of the board</summary>
    internal bool ArePlacesLast { get; init; }

    /// <summary>what a machine must be to go on from it</summary>
    internal IReadOnlyList<KeyValuePair<string, string>> Traits { get; init; } = [];

    public void Write(WireWriter w)
    {
        w.Text(Image);
        w.Text(Machine);
        w.Int64(Created);
        w.UInt64(MemoryBytes);
        w.UInt64(DiskBytes);
        w.UInt32(Cards);
        w.Flag(ArePlacesLast);
        w.List(Traits, static (w, trait) =>
        {
            w.Text(trait.Key);
            w.Text(trait.Value);
        });
    }

    public static TemplateRecord Read(ref WireReader r) => new()
    {
        Image = r.Text(),
        Machine = r.Text(),
        Created = r.Int64(),
        MemoryBytes = r.UInt64(),
        DiskBytes = r.UInt64(),
        Cards = r.UInt32(),
        ArePlacesLast = r.Flag(),
        Traits = r.List(static (ref WireReader r) => KeyValuePair.Create(r.Text(), r.Text())),
    };
}
