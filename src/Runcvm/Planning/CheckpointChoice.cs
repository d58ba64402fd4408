using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Planning;

/// <summary>The checkpoint from which a machine goes on.</summary>
internal sealed class CheckpointChoice : SavedMoment
{
    private readonly Checkpoint _checkpoint;

    private CheckpointChoice(Checkpoint checkpoint)
        : base(checkpoint.Record.Machine, checkpoint.Memory) => _checkpoint = checkpoint;

    internal override string Name => MachineDescription.OfCheckpoint;

    /// <summary>For a machine of these options.</summary>
    internal static CheckpointChoice Of(Checkpoint checkpoint, MachineOptions options)
    {
        Check(options, MachineDescription.OfCheckpoint);
        return new CheckpointChoice(checkpoint);
    }

    internal override string Root(LayerChain chain, MachineFolder folder, Func<string> ensure)
    {
        string image = ensure();
        return ErofsImage.IdentityOf(image) == _checkpoint.Record.Root ? image
            : throw new UsageException($"{Name} does not fit: its root image is not {image}, which was made of "
                + "other layers or anew");
    }

    // What the container had on its disk since the checkpoint is put aside until the machine runs.
    protected override ScratchDisk CopyDisk(LayerChain chain, MachineFolder folder, long size)
    {
        string path = ScratchDisk.PathOf(chain, folder.Key);
        CloneMark.PutAside(path);
        Node.MakeDirectory(Path.GetDirectoryName(path)!, Permission.OwnersFolder);
        CloneMark.Set(folder, path);
        using SafeFileHandle disk = _checkpoint.Disk;
        ScratchDisk made = ScratchDisk.Ensure(chain, folder.Key, size, content: to =>
        {
            using var packed = new FileStream(disk, FileAccess.Read);
            try
            {
                PackedDisk.Unpack(packed, to, size);
            }
            catch (InvalidDataException e)
            {
                throw new UsageException($"the checkpoint cannot be used: {e.Message}", e);
            }
        });
        // It has what was put into the container by then.
        return made with { IsNew = false };
    }
}
