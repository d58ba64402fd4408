namespace Runcvm.Images;

/// <summary>The container's own layer, packed for the guest.</summary>
/// <param name="Image">EROFS image of the whole layer as it lies on disk: with whiteouts (character device 0:0) and
/// trusted.overlay.* attributes</param>
/// <param name="Changes">what of it the guest does not have yet</param>
/// <param name="AppliedUpTo">to be kept until the next start, and passed there as <c>lastApplied</c></param>
internal sealed record PackedUpper(string Image, IReadOnlyList<UpperChange> Changes, long AppliedUpTo);

/// <summary>What lies in a container's own layer at its start: `docker create`, `docker cp`, `docker start`, or a
/// container that ran with another runtime before. A machine writes to its scratch disk, never here.</summary>
internal static class UpperLayer
{
    /// <summary>Packs the layer, if there is something in it that the guest has not got.</summary>
    /// <param name="chain">the container's layers</param>
    /// <param name="lastApplied"><see cref="PackedUpper.AppliedUpTo"/> of the last time; null at the first start</param>
    /// <param name="output">where the image is put</param>
    /// <param name="user">who makes it: nobody else on the host</param>
    internal static PackedUpper? Pack(LayerChain chain, long? lastApplied, string output, uint user)
    {
        if (chain.Upper is not { } upper || !Directory.EnumerateFileSystemEntries(upper).Any()) return null;
        var changes = new UpperChanges(lastApplied ?? long.MinValue);
        changes.Walk(upper);
        if (changes.Found.Count == 0) return null;

        string unfinished = output + ".tmp";
        try
        {
            File.Delete(unfinished);
            CheckSize(upper, Path.GetDirectoryName(output)!);
            if (UpperBuild.Run(upper, unfinished, user) is { } failure)
                throw Tool.Failure($"the image of the container's own layer {upper}", Path.GetDirectoryName(output)!, failure + LongName.Explanation([upper]));
            File.Move(unfinished, output, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }

        return new PackedUpper(output, changes.Found, changes.Newest);
    }

    // The state folder lies in memory.
    private static void CheckSize(string upper, string folder)
    {
        try
        {
            TreeSize.Check(upper, UpperBuild.MostBytesIn(folder));
        }
        catch (UsageException e)
        {
            throw new UsageException(
                $"the image of the container's own layer {upper} could not be made: {e.Message}; "
                + $"{folder} has no room for more, and RUNCVM_ROOTFS=share needs no image", e);
        }
    }
}
