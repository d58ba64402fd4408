using System.Text.Json.Nodes;

namespace Runcvm.Sandbox;

/// <summary>The root folder of the broker: its program, and those sockets of the host that are forwarded. Nobody can
/// write there.</summary>
internal static class BrokerTree
{
    /// <summary>Where the sandbox sees it.</summary>
    internal const string Root = "/run/runcvm-broker";

    /// <summary>The program, as the broker sees it.</summary>
    internal const string Program = "/runcvm";

    /// <summary>The forwarded socket with this index, as the broker sees it.</summary>
    internal static string Socket(int index) => $"/sockets/{index}";

    /// <summary>Mounts that make the tree, in order.</summary>
    internal static IEnumerable<JsonNode> Mounts(SandboxParts parts)
    {
        yield return SpecMount.Of(
            "tmpfs", "tmpfs", Root, "ro", "nosuid", "nodev", "noexec", "mode=700", "size=64k");
        yield return SpecMount.Bind(parts.Program, Root + Program, "ro", "nosuid", "nodev");
        for (int i = 0; i < parts.Sockets.Count; i++)
            yield return SpecMount.Bind(parts.Sockets[i].Source, Root + Socket(i), "ro", "nosuid", "nodev", "noexec");
    }
}
