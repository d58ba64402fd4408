using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>Which user of the host the container's root is.</summary>
internal static class UserMapping
{
    /// <summary>Refuses a root that is another user of the host: it could not read the machine's kernel, disks and
    /// state.</summary>
    internal static void Check(JsonNode? linux)
    {
        foreach (JsonNode? mapping in ProcessReader.Items(linux?["uidMappings"]))
        {
            if (mapping?["containerID"]?.GetValue<long>() != 0) continue;
            if (mapping["hostID"]?.GetValue<long>() is not { } user || user == 0) continue;
            throw new UsageException(
                $"root of this container is user {user} of the host (userns-remap, --userns), who cannot read the "
                + "files that a machine is made of: start the container with --userns=host");
        }
    }
}
