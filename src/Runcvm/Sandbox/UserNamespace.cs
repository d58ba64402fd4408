using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>A user namespace of the container's own.</summary>
internal static class UserNamespace
{
    /// <summary>Refuses it. Root of it is most often another user of the host, who could not read the machine's kernel,
    /// disks and state. Even where it is the same, it may not mount them.</summary>
    internal static void Check(JsonNode? linux)
    {
        bool isOwn = ProcessReader.Items(linux?["namespaces"])
            .Any(static item => item?["type"]?.GetValue<string>() == "user");
        if (!isOwn) return;
        string root = RootOf(linux) is { } user and not 0 ? $", whose root is user {user} of the host" : "";
        throw new UsageException(
            $"this container has a user namespace of its own (userns-remap, --userns, --uidmap){root}: "
            + "no machine can be made there; start the container with --userns=host");
    }

    private static long? RootOf(JsonNode? linux)
    {
        JsonNode? root = ProcessReader.Items(linux?["uidMappings"])
            .FirstOrDefault(static mapping => mapping?["containerID"]?.GetValue<long>() == 0);
        return root?["hostID"]?.GetValue<long>();
    }
}
