using System.Globalization;
using System.Text.Json.Nodes;
using Runcvm.Images;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Sandbox;

namespace Runcvm.Operating;

/// <summary>`runcvm images` and `runcvm images prune`</summary>
internal static class ImagesVerb
{
    internal static int List(TextWriter output, bool asJson) => List(output, asJson, CachedImage.All());

    internal static int List(TextWriter output, bool asJson, IReadOnlyList<CachedImage> images)
    {
        IReadOnlyDictionary<string, string> names = images.Count == 0 ? new Dictionary<string, string>() : NamesByLayer();
        if (asJson) WriteJson(output, images, names);
        else WriteTable(output, images, names);
        return 0;
    }

    internal static int Prune(TextWriter output, int keep) => Prune(
        output, keep, new ImageEviction(),
        new ImageKernelEviction(InstalledFiles.ImageKernels, InstalledFiles.InitramfsCache,
            static () => MachineFolder.ImageKernelsInUse()));

    internal static int Prune(TextWriter output, int keep, ImageEviction eviction, ImageKernelEviction kernels)
    {
        if (keep < 0) throw new UsageException($"runcvm images prune: --keep must be a number from 0 on, not {keep}");
        IReadOnlyList<CachedImage> removed = eviction.Prune(keep);
        foreach (CachedImage image in removed) output.WriteLine($"removed {image.Key}");
        IReadOnlyList<(string Name, long Bytes)> removedKernels = kernels.Prune(keep);
        foreach ((string name, _) in removedKernels) output.WriteLine($"removed kernel {name}");
        long bytes = removed.Sum(static image => image.Bytes) + removedKernels.Sum(static kernel => kernel.Bytes);
        output.WriteLine($"{Amount.Bytes(bytes)} freed");
        return 0;
    }

    private static void WriteTable(TextWriter output, IReadOnlyList<CachedImage> images, IReadOnlyDictionary<string, string> names)
    {
        var table = new Table("KEY", "IMAGE", "SIZE", "LAST USE (UTC)", "USERS");
        foreach (CachedImage image in images)
        {
            table.Add(
                image.Key, NameOf(image, names), Amount.Bytes(image.Bytes),
                image.IsBuilding ? "being built" : image.LastUse.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture), $"{image.Users}");
        }

        table.Write(output);
    }

    private static void WriteJson(TextWriter output, IReadOnlyList<CachedImage> images, IReadOnlyDictionary<string, string> names) => Json.Write(output, json =>
    {
        json.WriteStartArray();
        foreach (CachedImage image in images)
        {
            json.WriteStartObject();
            json.WriteString("key", image.Key);
            json.WriteString("image", NameOf(image, names));
            json.WriteNumber("bytes", image.Bytes);
            json.WriteString("lastUse", image.LastUse);
            json.WriteNumber("users", image.Users);
            json.WriteBoolean("building", image.IsBuilding);
            if (image.TopLayer != null) json.WriteString("topLayer", image.TopLayer);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static string NameOf(CachedImage image, IReadOnlyDictionary<string, string> names)
        => image.TopLayer == null ? "-" : names.GetValueOrDefault(image.TopLayer, "-");

    // Docker names the uppermost layer of each of its images; the images of other engines have no names here.
    private static Dictionary<string, string> NamesByLayer()
    {
        var names = new Dictionary<string, string>();
        foreach (JsonNode? item in EngineSocket.TryGet("/images/json") as JsonArray ?? [])
        {
            string? id = EngineContainer.Text(item?["Id"]);
            string? name = (item?["RepoTags"] as JsonArray)?.Select(EngineContainer.Text).FirstOrDefault(static tag => tag != null);
            if (id == null || name == null) continue;
            if (EngineContainer.Text(EngineSocket.TryGet($"/images/{id}/json")?["GraphDriver"]?["Data"]?["UpperDir"]) is { } layer)
                names[layer] = name;
        }

        return names;
    }
}
