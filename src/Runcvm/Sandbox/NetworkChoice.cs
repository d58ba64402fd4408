using System.Text.Json.Nodes;
using Runcvm.Linux.Files;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>Which network namespace a spec names.</summary>
/// <param name="IsShared">one that is not the container's own: the machine takes part in it</param>
/// <param name="Path">its path; null for the host's, or for one that is to be made</param>
internal sealed record NetworkChoice(bool IsShared, string? Path)
{
    private const string HostStub = "nameserver 127.0.0.53";
    private const string HostServers = "/run/systemd/resolve/resolv.conf";

    internal static NetworkChoice Of(JsonObject spec)
    {
        JsonNode? network = Find(spec);
        string? path = network?["path"]?.GetValue<string>();
        // Docker names the host's by a path of its own.
        if (network == null || (path != null && IsOwn(path))) return new NetworkChoice(true, null);
        // Another process's namespace is another container's; one that an engine made for this container has a path of its own.
        return new NetworkChoice(path?.StartsWith("/proc/", StringComparison.Ordinal) == true, path);
    }

    /// <summary>Refuses a wish for the host's network where the container was given another one.</summary>
    internal void Check(bool saysHostNetwork)
    {
        if (saysHostNetwork && this is not { IsShared: true, Path: null })
            throw new UsageException("RUNCVM_NETWORK_MODE=host does not give a container the host's network; use --network host, or leave the option out");
    }

    /// <summary>Names another namespace in the spec.</summary>
    internal static void Set(JsonObject spec, string path)
    {
        if (Find(spec) is { } network)
        {
            network["path"] = path;
            return;
        }

        JsonArray namespaces = spec["linux"]!["namespaces"] as JsonArray ?? [];
        namespaces.Add((JsonNode)new JsonObject { ["type"] = "network", ["path"] = path });
        if (namespaces.Parent == null) spec["linux"]!["namespaces"] = namespaces;
    }

    /// <summary>systemd's nameserver answers on the host's loopback device only; the ones that it asks answer everyone.</summary>
    internal static string ResolverOf(string source)
        => File.Exists(HostServers) && File.Exists(source) && File.ReadAllText(source).Contains(HostStub, StringComparison.Ordinal) ? HostServers : source;

    private static bool IsOwn(string path)
        => FileStatus.TryOf(path, followLinks: true) is { } named && FileStatus.TryOf("/proc/self/ns/net", followLinks: true) is { } own
            && (named.FileSystem, named.Inode) == (own.FileSystem, own.Inode);

    private static JsonNode? Find(JsonObject spec)
        => ProcessReader.Items(spec["linux"]?["namespaces"]).FirstOrDefault(static item => item?["type"]?.GetValue<string>() == "network");
}
