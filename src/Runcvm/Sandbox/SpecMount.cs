using System.Text.Json.Nodes;

namespace Runcvm.Sandbox;

/// <summary>Entries of the list <c>mounts</c> of an OCI runtime's config.json.</summary>
internal static class SpecMount
{
    internal static JsonNode Of(string type, string source, string target, params string[] options)
        => new JsonObject { ["destination"] = target, ["type"] = type, ["source"] = source, ["options"] = Texts(options) };

    /// <summary>A file or folder, without what is mounted below it.</summary>
    internal static JsonNode Bind(string source, string target, params string[] options) => Of("bind", source, target, ["bind", .. options]);

    /// <summary>A small file system for mount points, read-only once the low-level runtime has made these.</summary>
    internal static JsonNode Tmpfs(string target, string size, params string[] options)
        => Of("tmpfs", "tmpfs", target, ["ro", "nosuid", "nodev", .. options, "mode=755", $"size={size}"]);

    internal static JsonArray Texts(params string[] texts) => [.. texts.Select(static text => (JsonNode)text)];
}
