using Runcvm.Protocol.Wire;

namespace Runcvm.WarmStarts;

/// <summary>What is known of a checkpoint beside memory and disk.</summary>
/// <param name="Machine">as a template's: `DiskBytes` is the size of the disk with its holes</param>
/// <param name="Root">names the root image that its guest has open (<see cref="Images.ErofsImage.IdentityOf"/>)</param>
/// <param name="PackedBytes">of the file with the disk</param>
internal sealed record CheckpointRecord(TemplateRecord Machine, string Root, ulong PackedBytes)
    : IWireValue<CheckpointRecord>
{
    public void Write(WireWriter w)
    {
        Machine.Write(w);
        w.Text(Root);
        w.UInt64(PackedBytes);
    }

    public static CheckpointRecord Read(ref WireReader r) => new(TemplateRecord.Read(ref r), r.Text(), r.UInt64());
}
