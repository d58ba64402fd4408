using System.Text;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Images;

/// <summary>The folders that an overlay mount joins, as real paths.</summary>
/// <param name="Lower">topmost first</param>
/// <param name="Upper">null for a read-only overlay</param>
internal sealed record OverlayMount(IReadOnlyList<string> Lower, string? Upper)
{
    internal static OverlayMount Of(MountInfo mount)
    {
        string? upper = mount.SuperOption("upperdir");
        // Docker, Podman: STORE/ID/{diff,merged}. containerd: STORE/N/fs, mounted elsewhere.
        string store = upper is ['/', ..] ? Up(Up(upper)) : Up(Up(mount.Target));
        IReadOnlyList<string> lower = Resolve(store, LowerNames(mount))
            // Podman passes numbers of open folders when the options get too long; the names are then in this file.
            ?? Resolve(store, NamesInFile(Path.Combine(upper is null ? Up(mount.Target) : Up(Path.Combine(store, upper)), "lower")))
            ?? throw new UsageException(
                $"the layers of {mount.Target} cannot be found from its mount options '{mount.SuperOptions}': this storage driver is not supported");
        return new OverlayMount(lower, upper is null ? null : Path.Combine(store, upper));
    }

    private static string Up(string path) => Path.GetDirectoryName(path) ?? "/";

    // Relative names are meant from the store's folder, which engines enter before a mount with long options.
    private static List<string>? Resolve(string store, List<string> names)
    {
        var real = new List<string>(names.Count);
        foreach (string name in names)
        {
            if (RealPath.Of(Path.Combine(store, name)) is not { } path) return null;
            real.Add(path);
        }

        return real.Count == 0 ? null : real;
    }

    private static List<string> NamesInFile(string path)
        => File.Exists(path) ? SplitAtColons(File.ReadAllText(path).Trim()) : [];

    // "lowerdir=A:B", or "lowerdir+=A,lowerdir+=B" of mounts made with fsconfig(2).
    private static List<string> LowerNames(MountInfo mount)
    {
        if (mount.SuperOption("lowerdir") is { } joined) return SplitAtColons(joined);
        var names = new List<string>();
        foreach (string option in mount.SuperOptions.Split(','))
        {
            if (option.StartsWith("lowerdir+", StringComparison.Ordinal))
                names.Add(new MountInfo("", "", "", "", "", option).SuperOption("lowerdir+")!);
        }

        return names;
    }

    // overlayfs.rst: a colon in a folder's name is written "\:".
    private static List<string> SplitAtColons(string joined)
    {
        var names = new List<string>();
        var name = new StringBuilder();
        for (int i = 0; i <= joined.Length; i++)
        {
            if (i == joined.Length || joined[i] == ':')
            {
                if (name.Length > 0) names.Add(name.ToString());
                name.Clear();
                continue;
            }

            if (joined[i] == '\\' && i + 1 < joined.Length) i++;
            name.Append(joined[i]);
        }

        return names;
    }
}
