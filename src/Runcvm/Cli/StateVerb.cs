using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Oci;
using Runcvm.Options;

namespace Runcvm.Cli;

/// <summary>`runcvm state`: what the low-level runtime says of the sandbox, with the container's own bundle and
/// root.</summary>
internal static class StateVerb
{
    private static readonly JsonWriterOptions AsRuncWrites = new() { Indented = true };

    internal static int Run(CommandLine command, HostConfig config)
    {
        using SafeFileHandle words = FileDescriptor.InMemory("state", []);
        int code = LowLevelRuntime.Run(config.LowLevelRuntime, command.Arguments, output: words).ShellCode;
        FileDescriptor.Rewind(words);
        byte[] said = FileDescriptor.ReadToEnd(words);
        using Stream output = Console.OpenStandardOutput();
        output.Write(code == 0 && TryRead(said) is { } state ? Written(OfContainer(state)) : said);
        return code;
    }

    /// <param name="state">of a container; another's than a machine's stays as it is</param>
    internal static JsonObject OfContainer(JsonObject state)
    {
        if (Text(state, "bundle") is not { } bundle || Bundle.UsersOf(bundle) is not { } folder) return state;
        state["bundle"] = folder;
        if (Text(state, "rootfs") != null && Bundle.TryRootOf(folder) is { } root) state["rootfs"] = root;
        return state;
    }

    private static string? Text(JsonObject state, string name)
        => state[name] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static JsonObject? TryRead(byte[] said)
    {
        try
        {
            return JsonNode.Parse(said) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[] Written(JsonObject state)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, AsRuncWrites)) state.WriteTo(writer);
        return buffer.ToArray();
    }
}
