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
    {
        using SafeFileHandle words = FileDescriptor.InMemory("state", []);
        using SafeFileHandle error = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        if (LowLevelRuntime.Run(lowLevelRuntime, command.With("state", id), error, words).ShellCode != 0) return null;
        FileDescriptor.Rewind(words);
        try
        {
            return JsonNode.Parse(FileDescriptor.ReadToEnd(words))?["pid"]?.GetValue<int>() is > 0 and int process ? process : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
