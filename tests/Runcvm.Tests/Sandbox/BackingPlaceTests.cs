using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class BackingPlaceTests
{
    private static JsonArray Mounts => new(
        Mount("/data", "bind", "/host/data", "rbind"), Mount("/data/deep", "", "/host/deep", "bind"), Mount("/disks/one", "bind", "/host/file", "rbind"),
        Mount("/locked", "bind", "/host/locked", "rbind", "ro"), Mount("/tmp", "tmpfs", "tmpfs"));

    [Theory]
    [InlineData("/data/a", "/host/data", "a")]
    [InlineData("/data/b/a", "/host/data", "b/a")]
    [InlineData("/data/deep/a", "/host/deep", "a")]
    [InlineData("/data/deeper", "/host/data", "deeper")]
    [InlineData("/disks/one", "/host", "file")]
    [InlineData("/database/a", "/engine/container", "name")]
    public void The_nearest_mount_has_the_file(string path, string root, string relative)
        => Assert.Equal(new BackingPlace(root, relative), BackingPlace.Of(path, Mounts, "/engine/container", "name"));

    [Theory]
    [InlineData("/locked/a", "read-only")]
    [InlineData("/tmp/a", "no folder of the host")]
    [InlineData("/elsewhere/a", "mount a volume there")]
    public void Where_there_is_no_place_it_is_told(string path, string told)
        => Assert.Contains(told, Assert.Throws<UsageException>(() => BackingPlace.Of(path, Mounts, null, "name")).Message, StringComparison.Ordinal);

    private static JsonNode Mount(string target, string type, string source, params string[] options) => new JsonObject
    {
        ["destination"] = target,
        ["type"] = type,
        ["source"] = source,
        ["options"] = new JsonArray([.. options.Select(static option => (JsonNode)option)]),
    };
}
