using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Network;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>Namespaces that a machine shares: joined by `create`, left by `delete`.</summary>
internal static class MachineNetwork
{
    /// <summary>If the spec names a namespace that is not the container's own, it gets one beside it.</summary>
    /// <returns>sockets of the shared namespace to hand on, or none</returns>
    internal static IReadOnlyList<SafeFileHandle> Join(JsonObject spec, NetworkChoice choice, string id)
    {
        if (!choice.IsShared) return [];
        RemoveLeftOvers();
        (string path, IReadOnlyList<SafeFileHandle> sockets) = Uplink.Make(id, choice.Path, Tool.Find("iptables-restore", "iptables"));
        NetworkChoice.Set(spec, path);
        return sockets;
    }

    /// <summary>Takes away what is left of machines whose state folder is gone, however they ended.</summary>
    internal static void RemoveLeftOvers()
        => Uplink.RemoveWhere(static id => !MachineFolder.Of(id).IsThere, static () => Tool.Find("iptables-restore", "iptables"));
}
