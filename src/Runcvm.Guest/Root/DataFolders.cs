using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol;

namespace Runcvm.Guest.Root;

/// <summary>Puts the data folders of nested engines straight on the scratch disk: an overlayfs cannot be the upper layer
/// of another one, and Docker would fall back to copying every layer.</summary>
internal static class DataFolders
{
    private const string Data = "data";
    private const int LargestConfiguration = 1024 * 1024;

    /// <param name="root">of the workload</param>
    /// <param name="scratch">the disk</param>
    /// <param name="covered">where something else will be mounted: it wins</param>
    internal static void MoveToScratch(GuestRoot root, Scratch scratch, IReadOnlyCollection<string> covered)
    {
        foreach (EngineData data in EngineData.All)
        {
            if (covered.Contains(data.Folder)) continue;
            if (Exists(root, data.Folder) || data.Engines.Any(engine => Exists(root, engine))) Move(root, scratch, data.Folder);
        }

        string? dataRoot = ConfiguredDataRoot(root);
        if (dataRoot != null && !EngineData.Is(dataRoot) && !covered.Contains(dataRoot)) Move(root, scratch, dataRoot);
    }

    /// <summary>Mounts a folder of the scratch disk over one of the root; new, it holds what the root has there.</summary>
    internal static void Move(GuestRoot root, Scratch scratch, string folder)
    {
        string place = scratch.Folder(Data) + folder;
        using SafeFileHandle target = root.Directory(folder);
        string inRoot = FileDescriptor.PathOf(target) + "/.";
        if (!Directory.Exists(place))
        {
            // Prepared under another name first, so that a machine killed half-way starts over.
            string unfinished = scratch.Folder($"{Data}/unfinished");
            TreeCopy.Empty(unfinished);
            TreeCopy.CopyAll(inRoot, unfinished);
            TreeCopy.CopyAttributes(inRoot, unfinished);
            Node.MakeDirectory(Path.GetDirectoryName(place)!);
            Directory.Move(unfinished, place);
        }

        MountPoint.Bind(place, FileDescriptor.PathOf(target));
    }

    private static bool Exists(GuestRoot root, string path)
    {
        using SafeFileHandle? found = root.TryFind(path);
        return found != null;
    }

    private static string? ConfiguredDataRoot(GuestRoot root)
    {
        using SafeFileHandle? file = root.TryFind("/etc/docker/daemon.json");
        if (file == null) return null;
        string path = FileDescriptor.PathOf(file);
        if (new FileInfo(path).Length > LargestConfiguration) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.TryGetProperty("data-root", out JsonElement value)
                && value.ValueKind == JsonValueKind.String
                && value.GetString() is { } folder
                && folder.StartsWith('/') && folder != "/" ? folder.TrimEnd('/') : null;
        }
        catch (JsonException)
        {
            // The inner dockerd reports its broken file better than this program could.
            return null;
        }
    }
}
