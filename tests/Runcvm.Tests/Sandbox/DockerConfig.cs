using System.Text.Json.Nodes;
using Runcvm.Tests.Layout;

namespace Runcvm.Tests.Sandbox;

/// <summary>Trimmed config.json files as dockerd writes them, with the container's own folder moved.</summary>
internal static class DockerConfig
{
    private const string ContainerFolder = "/var/lib/docker/containers/4f1c0c6a3a5dbb1c6f1dd2a2a8f4e0b15ba0f2d1c5a64b7fd1fb15e1b9a0c7d2";

    internal static JsonObject Usual(string containerFolder = ContainerFolder) => Read("docker-config.json", containerFolder);

    /// <summary>--privileged --pid=host --ipc=host --uts=host</summary>
    internal static JsonObject Privileged() => Read("docker-config-privileged.json", ContainerFolder);

    internal static void AssertJson(string expected, JsonNode? actual)
    {
        string normal = JsonNode.Parse(expected)!.ToJsonString();
        Assert.Equal(normal, actual?.ToJsonString());
    }

    private static JsonObject Read(string name, string containerFolder)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "tests/Runcvm.Tests/Sandbox", name));
        return JsonNode.Parse(text.Replace(ContainerFolder, containerFolder, StringComparison.Ordinal))!.AsObject();
    }
}
