using System.Text.Json.Nodes;
using Runcvm.HostFiles;
using Runcvm.Images;
using Runcvm.Kernels;
using Runcvm.Options;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Planning;

/// <summary>The disks of a machine, made or found.</summary>
/// <param name="Disks">each disk's file on the host, and what it is in the machine</param>
/// <param name="LayerPaths">what the guest takes over from the layer disk</param>
/// <param name="Notices">what took time, for the log</param>
internal sealed record MachineDisks(
    IReadOnlyList<(string Source, MachineDisk Disk)> Disks, IReadOnlyList<LayerPath> LayerPaths, IReadOnlyList<string> Notices)
{
    internal const string Root = MachineDisk.Root;
    internal const string Scratch = MachineDisk.Scratch;
    internal const string Modules = "modules";
    internal const string Layer = MachineDisk.Layer;

    internal static MachineDisks Prepare(LayerChain chain, MachineFolder folder, Kernel kernel, MachineOptions options,
        JsonNode? mounts, uint user, BuildBounds bounds, SavedMoment? moment = null)
    {
        bool rootIsShare = options.RootIsShare;
        var notices = new List<string>();
        var disks = new List<(string, MachineDisk)>();
        if (!rootIsShare)
        {
            string image = moment == null ? Image(chain, folder, bounds, notices)
                : moment.Root(chain, folder, () => Image(chain, folder, bounds, notices));
            disks.Add((image, Disk(Root, true)));
        }

        ScratchDisk scratch = moment == null ? ScratchDisk.Ensure(chain, folder.Key, options.ScratchSizeBytes)
            : moment.Scratch(chain, folder, options.ScratchSizeBytes);
        disks.Add((scratch.Path, Disk(Scratch, false)));
        if (!rootIsShare) scratch.HoldRoot();
        else if (ScratchDisk.HoldsRootOf(chain, folder.Key))
            notices.Add("what the machine wrote before lies on its disk, where RUNCVM_ROOTFS=share does not look; "
                + "RUNCVM_ROOTFS=block does");
        if (kernel.ModulesImagePath != null) disks.Add((kernel.ModulesImagePath, Disk(Modules, true)));
        // A root that is shared has all that lies in it.
        PackedUpper? upper = rootIsShare ? null : PackUpper(chain, scratch, folder, bounds.User);
        if (upper != null) disks.Add((upper.Image, Disk(Layer, true)));
        for (int i = 0; i < options.Disks.Count; i++) disks.Add(Backed(options.Disks[i], i, mounts, chain, user));
        return new MachineDisks(disks, [.. (upper?.Changes ?? []).Select(ToLayerPath)], notices);
    }

    private static string Image(LayerChain chain, MachineFolder folder, BuildBounds bounds, List<string> notices)
    {
        // Before it is looked for: from now on nobody removes it.
        File.WriteAllText(folder.RootImage, chain.Key);
        string image = new RootImageCache().Ensure(chain, bounds, out BuildReport? built);
        if (built != null)
        {
            notices.Add($"built the root image in {built.Seconds:F1} s ({built.Bytes / (1024 * 1024)} MiB; {built.Reason})");
            int removed = new ImageEviction().Shrink(bounds.MostBytes).Count;
            if (removed > 0) notices.Add($"removed {removed} root images that were not used for long (image_cache_size in {Options.HostConfig.File})");
        }

        notices.Add("what the machine writes lies on a disk of its own, which docker cp, diff, commit and export do not see (they do with RUNCVM_ROOTFS=share)");
        return image;
    }

    private static (string, MachineDisk) Backed(DiskRequest request, int index, JsonNode? mounts, LayerChain chain, uint user)
    {
        // Beside the scratch disk it goes with the container, as everything does that is on no volume.
        BackingPlace place = BackingPlace.Of(request.Source, mounts, chain.ContainerFolder, $"runcvm-disk-{Sha256.Hex(request.Source)[..16]}.ext4");
        BackingFile file = BackingFile.Ensure(place.Root, place.Relative, request.FileSystem, request.Size, OptionCatalogue.DefaultScratchSize, user, request.Source);
        return (file.Path, Disk(MachineDisk.SerialOfBacked(index), false) with { FileSystem = file.FileSystem, Inode = file.Inode });
    }

    private static MachineDisk Disk(string serial, bool readOnly)
        => new(serial, $"{HypervisorTree.Disks}/{serial}", readOnly);

    private static PackedUpper? PackUpper(
        LayerChain chain, ScratchDisk scratch, MachineFolder folder, uint user)
    {
        long? applied = scratch.IsNew ? null : LayerMark.Read(scratch.Path);
        PackedUpper? upper = UpperLayer.Pack(chain, applied, folder.LayerImage, user);
        if (upper != null) LayerMark.Propose(folder, scratch.Path, upper.AppliedUpTo);
        return upper;
    }

    private static LayerPath ToLayerPath(UpperChange change) => new(change.Path, change.WithContents);
}
