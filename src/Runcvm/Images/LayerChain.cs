using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Images;

/// <summary>What a container's root file system is made of, as the engine mounted it.</summary>
/// <param name="Root">the container's <c>root.path</c></param>
/// <param name="Layers">folders of the image, topmost first; the root itself when it is no overlay</param>
/// <param name="Upper">the container's own writable layer; null when the root is no overlay or a read-only one</param>
/// <param name="ContainerFolder">where the engine keeps this container's files and which it removes with the
/// container: the parent of <paramref name="Upper"/></param>
/// <param name="Key">names the content of <paramref name="Layers"/></param>
internal sealed record LayerChain(
    string Root, IReadOnlyList<string> Layers, string? Upper, string? ContainerFolder, string Key)
{
    /// <summary>Whether the layers belong to an image, which never changes, and not to this container alone.</summary>
    internal bool IsImage { get; private init; }

    /// <summary>Looks at a root.</summary>
    /// <param name="root">its folder</param>
    /// <param name="mounts">of the host</param>
    internal static LayerChain Of(string root, IReadOnlyList<MountInfo> mounts)
    {
        root = RealPath.Of(root) ?? throw new UsageException($"the container's root {root} does not exist");
        // A later mount on the same place hides the earlier ones.
        MountInfo? mount = mounts.LastOrDefault(candidate => candidate.Target == root);
        if (mount is not { Type: "overlay" }) return new LayerChain(root, [root], null, null, LayerKey.OfFolder(root));

        OverlayMount overlay = OverlayMount.Of(mount);
        string? container = overlay.Upper is null ? null : Path.GetDirectoryName(overlay.Upper);
        bool hasInit = overlay.Lower.Count > 1 && InitLayer.Is(overlay.Lower[0]);
        IReadOnlyList<string> layers = hasInit ? [.. overlay.Lower.Skip(1)] : overlay.Lower;
        return new LayerChain(root, layers, overlay.Upper, container, LayerKey.OfImage(layers)) { IsImage = true };
    }
}
