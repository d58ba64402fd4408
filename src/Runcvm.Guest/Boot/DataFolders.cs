using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Boot;

/// <summary>Puts the data folders of nested engines straight on the scratch disk: an overlayfs cannot be the upper layer
/// of another one, and Docker would fall back to copying every layer.</summary>
internal static class DataFolders
{
    private const string Scratch = "/scratch/data";
    private const int LargestConfiguration = 1024 * 1024;

    // The folder, and the programs whose presence in the image makes it worth having.
    private static readonly (string Folder, string[] Engines)[] Known =
    [
        ("/var/lib/docker", ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"]),
        ("/var/lib/containerd", ["/usr/bin/containerd", "/usr/sbin/containerd", "/usr/local/bin/containerd"]),
        ("/var/lib/containers", ["/usr/bin/podman", "/usr/bin/buildah", "/usr/bin/crio"]),
        ("/var/lib/kubelet", ["/usr/bin/kubelet", "/usr/local/bin/kubelet"]),
        ("/var/lib/rancher", ["/usr/local/bin/k3s", "/usr/bin/k3s"]),
    ];

    /// <param name="root">of the workload</param>
    /// <param name="covered">where something else will be mounted: it wins</param>
    internal static void MoveToScratch(GuestRoot root, IReadOnlyCollection<string> covered)
    {
        foreach ((string folder, string[] engines) in Known)
        {
            if (covered.Contains(folder)) continue;
            if (Exists(root, folder) || Array.Exists(engines, engine => Exists(root, engine))) Move(root, folder);
        }

        string? dataRoot = ConfiguredDataRoot(root);
        if (dataRoot != null && !Array.Exists(Known, known => known.Folder == dataRoot) && !covered.Contains(dataRoot)) Move(root, dataRoot);
    }

    private static void Move(GuestRoot root, string folder)
    {
        string place = $"{Scratch}{folder}";
        using SafeFileHandle target = root.Directory(folder);
        string inRoot = FileDescriptor.PathOf(target) + "/.";
        if (!Directory.Exists(place))
        {
            // Prepared under another name first, so that a machine killed half-way starts over.
            string unfinished = $"{Scratch}/unfinished";
            if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
            Node.MakeDirectory(unfinished);
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
