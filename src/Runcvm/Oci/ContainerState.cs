using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Oci;

/// <summary>What the low-level runtime knows of a container, which nothing in its sandbox can forge.</summary>
internal static class ContainerState
{
    /// <summary>The number of the container's first process, or null where it has none, or there is no such container.</summary>
    /// <param name="lowLevelRuntime">its name or path, if the host says one</param>
    /// <param name="command">how the engine called: with which global flags</param>
    /// <param name="id">the container's</param>
    internal static int? TryReadProcess(string? lowLevelRuntime, CommandLine command, string id)
        => TryRead(lowLevelRuntime, command, id)?["pid"] is JsonValue value && value.TryGetValue(out int process)
            && process > 0 ? process : null;

    /// <summary>Whether the low-level runtime has that container.</summary>
    internal static bool Has(string? lowLevelRuntime, CommandLine command, string id)
        => TryRead(lowLevelRuntime, command, id) != null;

    /// <summary>Whether that container is paused.</summary>
    internal static bool IsPaused(string? lowLevelRuntime, CommandLine command, string id)
        => TryRead(lowLevelRuntime, command, id)?["status"] is JsonValue value
        && value.TryGetValue(out string? status) && status == "paused";

    /// <summary>Whether the low-level runtime has that container, and it is the sandbox of a machine: it was made of
    /// the bundle that <see cref="Bundle.SaveForSandbox"/> writes.</summary>
    internal static bool IsSandbox(string? lowLevelRuntime, CommandLine command, string id)
        => TryRead(lowLevelRuntime, command, id) is { } state
        && state["bundle"] is JsonValue value && value.TryGetValue(out string? bundle) && Bundle.IsForSandbox(bundle);

    private static JsonObject? TryRead(string? lowLevelRuntime, CommandLine command, string id)
    {
        using SafeFileHandle words = FileDescriptor.InMemory("state", []);
        using SafeFileHandle error = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        if (LowLevelRuntime.Run(lowLevelRuntime, command.With("state", id), error, words).ShellCode != 0) return null;
        FileDescriptor.Rewind(words);
        try
        {
            return JsonNode.Parse(FileDescriptor.ReadToEnd(words)) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
