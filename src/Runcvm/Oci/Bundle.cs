using System.Text.Json;
using System.Text.Json.Nodes;
using Runcvm.Linux.Files;

namespace Runcvm.Oci;

/// <summary>An OCI bundle: a folder with a config.json. Unknown fields survive a rewrite.</summary>
internal sealed class Bundle
{
    // Of two fields with one name nobody can say which the low-level runtime would take.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private const string SandboxFolder = "runcvm";

    /// <summary>The program of every sandbox, as the sandbox sees it.</summary>
    internal const string SandboxProgram = "/runcvm";

    private readonly string _path;

    internal Bundle(string folder)
    {
        Folder = Path.GetFullPath(folder);
        _path = Path.Combine(Folder, "config.json");
        Spec = ReadObject(_path);
        SpecTypes.CheckSpec(Spec, _path);
        foreach (JsonNode? mount in ProcessReader.Items(Spec["mounts"])) MakeSourceAbsolute(mount!);
    }

    internal string Folder { get; }

    internal JsonObject Spec { get; }

    /// <summary>The container's root as an absolute path.</summary>
    internal string RootPath => Path.GetFullPath(Path.Combine(Folder, Spec["root"]?["path"]?.GetValue<string>()
        ?? throw new UsageException($"{_path} names no root file system (root.path)")));

    /// <summary>Whether Podman made it: its libpod says so in each one (pkg/annotations of Podman).</summary>
    internal bool IsPodmans => Spec["annotations"]?["io.container.manager"]?.GetValue<string>() == "libpod";

    internal void Save() => WriteObject(_path, Spec);

    /// <summary>Writes the spec as it is now to a bundle of its own, in this one, and gives its folder. This one stays as the
    /// engine wrote it, because some read it again: Podman takes from it what an exec may do, and what its inspect shows.</summary>
    internal string SaveForSandbox()
    {
        string folder = Path.Combine(Folder, SandboxFolder);
        Node.MakeDirectory(folder, Permission.OwnersFolder);
        WriteObject(Path.Combine(folder, "config.json"), Spec);
        return folder;
    }

    /// <summary>Whether a container's bundle is one that <see cref="SaveForSandbox"/> wrote. One that is gone, or is no
    /// JSON, counts by its name alone: what may be a machine is not taken for a plain container.</summary>
    internal static bool IsForSandbox(string folder)
    {
        if (Path.GetFileName(folder.TrimEnd('/')) != SandboxFolder) return false;
        try
        {
            return (ReadObject(
                Path.Combine(folder, "config.json"))["process"] as JsonObject)?["args"] is not JsonArray arguments
                || arguments is [JsonValue program, ..] && program.TryGetValue(out string? path)
                    && path == SandboxProgram;
        }
        catch (UsageException)
        {
            return true;
        }
    }

    /// <summary>The bundle of the container that a sandbox was made for, by the sandbox's; null where that is none of
    /// a sandbox.</summary>
    internal static string? UsersOf(string folder)
        => IsForSandbox(folder) ? Path.GetDirectoryName(folder.TrimEnd('/')) : null;

    /// <summary>The container's root that a bundle names, as an absolute path, or null where that cannot be
    /// read.</summary>
    internal static string? TryRootOf(string folder)
    {
        try
        {
            return (ReadObject(Path.Combine(folder, "config.json"))["root"] as JsonObject)?["path"] is JsonValue value
                && value.TryGetValue(out string? path) ? Path.GetFullPath(Path.Combine(folder, path)) : null;
        }
        catch (UsageException)
        {
            return null;
        }
    }

    internal static JsonObject ReadObject(string path)
    {
        try
        {
            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"cannot read {path}: {Reason.Of(e)}", e);
        }
    }

    /// <param name="text">of the file</param>
    /// <param name="path">as errors name it</param>
    internal static JsonObject Parse(byte[] text, string path)
    {
        // Else each word that is not would be found only when it is read.
        if (!System.Text.Unicode.Utf8.IsValid(text)) throw new UsageException($"{path} is not UTF-8");
        try
        {
            return JsonNode.Parse(text, null, Strict) as JsonObject ?? throw new UsageException($"{path} holds no JSON object");
        }
        catch (JsonException e)
        {
            throw new UsageException($"{path} is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})", e);
        }
    }

    // That of a bind mount is relative to the bundle (config.md of the specification).
    private void MakeSourceAbsolute(JsonNode mount)
    {
        bool isBind = mount["type"]?.GetValue<string>() == "bind"
            || ProcessReader.Texts(mount["options"]).Any(static option => option is "bind" or "rbind");
        // What an absolute path with links and ".." in it means is the kernel's to say.
        if (isBind && mount["source"]?.GetValue<string>() is { Length: > 0 } source && !Path.IsPathRooted(source))
            mount["source"] = Path.GetFullPath(Path.Combine(Folder, source));
    }

    /// <summary>Replaces a file in one step: the engine never reads half of it.</summary>
    internal static void WriteObject(string path, JsonObject content)
    {
        string unfinished = path + ".runcvm";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(unfinished, options))
        using (var writer = new Utf8JsonWriter(file))
            content.WriteTo(writer);
        File.Move(unfinished, path, overwrite: true);
    }
}
