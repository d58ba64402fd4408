using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>The name of a machine that is given none.</summary>
internal static class HostNames
{
    private const string OwnName = "/proc/sys/kernel/hostname";

    /// <summary>The host's, for a container that shares its UTS namespace (<c>--uts=host</c>); else empty.</summary>
    internal static string OfHost(JsonObject spec)
    {
        bool hasOwn = ProcessReader.Items(spec["linux"]?["namespaces"])
            .Any(static item => item?["type"]?.GetValue<string>() == "uts");
        return hasOwn ? "" : File.ReadAllText(OwnName).Trim();
    }
}
