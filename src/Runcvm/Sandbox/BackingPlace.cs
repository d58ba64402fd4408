using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>Where on the host a path of the container lies: on which mount, and what of the path is left there.</summary>
/// <param name="Root">a folder of the host</param>
/// <param name="Relative">below it</param>
internal sealed record BackingPlace(string Root, string Relative)
{
    /// <summary>The place of a backing file.</summary>
    /// <param name="path">in the container</param>
    /// <param name="mounts">of the spec</param>
    /// <param name="ownFolder">the engine's folder of this container, for a path on no volume</param>
    /// <param name="nameThere">the file's name in that folder</param>
    internal static BackingPlace Of(string path, JsonNode? mounts, string? ownFolder, string nameThere)
    {
        JsonNode? best = null;
        foreach (JsonNode? mount in ProcessReader.Items(mounts))
        {
            // Of two at the same place the later one is on top.
            if (Options.DiskRequest.IsOrBelow(path, Target(mount)) && Target(mount).Length >= Target(best).Length) best = mount;
        }

        if (best == null)
        {
            return ownFolder == null
                ? throw new UsageException($"the backing file {path} lies on no volume, and this engine keeps no folder for the container; mount a volume there with -v")
                : new BackingPlace(ownFolder, nameThere);
        }

        string source = best["source"]?.GetValue<string>() ?? "";
        string[] options = ProcessReader.Texts(best["options"]);
        bool isBind = best["type"]?.GetValue<string>() == "bind" || options.Any(static option => option is "bind" or "rbind");
        if (!isBind) throw new UsageException($"the backing file {path} would lie on {Target(best)}, which is no folder of the host; use a volume");
        if (options.Any(static option => option is "ro" or "rro")) throw new UsageException($"the backing file {path} lies on {Target(best)}, which is mounted read-only; mount it without ro");
        string relative = path[Target(best).Length..].TrimStart('/');
        return relative.Length > 0
            ? new BackingPlace(source, relative)
            : new BackingPlace(Path.GetDirectoryName(source) ?? "/", Path.GetFileName(source));
    }

    private static string Target(JsonNode? mount) => mount?["destination"]?.GetValue<string>().TrimEnd('/') is { Length: > 0 } target ? target : "\0";
}
