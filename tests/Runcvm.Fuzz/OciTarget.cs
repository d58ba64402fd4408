using System.Text.Json.Nodes;
using Runcvm.Oci;
using Runcvm.Sandbox;

namespace Runcvm.Fuzz;

/// <summary>config.json of a bundle, as far as `create` and `exec` read it: once its types are checked, only what it
/// means
/// can be wrong.</summary>
internal static class OciTarget
{
    internal static void Run(byte[] input)
    {
        try
        {
            JsonObject spec = Bundle.Parse(input, "config.json");
            SpecTypes.CheckSpec(spec, "config.json");
            if (spec["process"] is JsonObject process) ProcessReader.Read(process, [], static () => false);
            GuestFileSystems.From(spec["mounts"]);
            MemoryLimit.Of(spec["linux"]?["resources"]);
            ProcessLimit.Of(spec["linux"]?["resources"]);
        }
        catch (UsageException)
        {
            // The promise.
        }
    }
}
