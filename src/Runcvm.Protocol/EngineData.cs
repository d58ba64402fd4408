namespace Runcvm.Protocol;

/// <summary>A folder in which a container engine keeps its data.</summary>
/// <param name="Folder">absolute path</param>
/// <param name="Engines">programs whose presence in an image makes the folder worth having</param>
public sealed record EngineData(string Folder, IReadOnlyList<string> Engines)
{
    /// <summary>Every one that is known.</summary>
    public static IReadOnlyList<EngineData> All { get; } =
    [
        new("/var/lib/docker", ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"]),
        new("/var/lib/containerd", ["/usr/bin/containerd", "/usr/sbin/containerd", "/usr/local/bin/containerd"]),
        new("/var/lib/containers", ["/usr/bin/podman", "/usr/bin/buildah", "/usr/bin/crio"]),
        new("/var/lib/kubelet", ["/usr/bin/kubelet", "/usr/local/bin/kubelet"]),
        new("/var/lib/rancher", ["/usr/local/bin/k3s", "/usr/bin/k3s"]),
    ];

    /// <summary>Whether this is one of the folders.</summary>
    public static bool Is(string folder) => All.Any(data => data.Folder == folder);
}
