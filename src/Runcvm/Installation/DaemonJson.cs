using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Runcvm.Installation;

/// <summary>Docker's configuration. Everything in it that is not ours is the administrator's: it is kept in its order, and a file that
/// cannot be understood is not touched.</summary>
internal static class DaemonJson
{
    private const string Name = "runcvm";

    /// <summary>The text with our runtime in it, or null where it is in it already.</summary>
    /// <param name="text">null or blank where there is no file yet</param>
    /// <param name="program">path that Docker shall start</param>
    /// <param name="file">for messages</param>
    internal static string? WithRuntime(string? text, string program, string file)
    {
        JsonObject root = Parse(text, file);
        JsonObject runtimes = Member(root, "runtimes", file);
        JsonObject own = Member(runtimes, Name, file);
        if (own["path"] is JsonValue path && path.TryGetValue(out string? there) && there == program) return null;
        own["path"] = program;
        return Format(root, text);
    }

    /// <summary>The text without our runtime, or null where it is not in it or is somebody else's.</summary>
    internal static string? WithoutRuntime(string? text, string program, string file)
    {
        JsonObject root = Parse(text, file);
        if (root["runtimes"] is not JsonObject runtimes || runtimes[Name] is not JsonObject own) return null;
        if (own["path"] is not JsonValue path || !path.TryGetValue(out string? there) || there != program) return null;
        if (root["default-runtime"] is JsonValue standard && standard.TryGetValue(out string? name) && name == Name)
        {
            throw new UsageException(
                $"{file} makes runcvm the default runtime, without which Docker would not start; take default-runtime out of it first");
        }

        runtimes.Remove(Name);
        if (runtimes.Count == 0) root.Remove("runtimes");
        return Format(root, text);
    }

    private static JsonObject Parse(string? text, string file)
    {
        if (string.IsNullOrWhiteSpace(text)) return [];
        try
        {
            var strict = new JsonDocumentOptions { AllowDuplicateProperties = false };
            return JsonNode.Parse(text, documentOptions: strict) as JsonObject
                ?? throw new UsageException($"{file} does not hold a JSON object; it was left as it is");
        }
        catch (JsonException e)
        {
            string line = e.LineNumber is { } number ? $" (line {number + 1})" : ", or has a name twice";
            throw new UsageException($"{file} is not valid JSON{line}; it was left as it is: mend it, and try again", e);
        }
    }

    private static JsonObject Member(JsonObject parent, string name, string file)
    {
        if (!parent.TryGetPropertyValue(name, out JsonNode? node)) parent[name] = node = new JsonObject();
        return node as JsonObject
            ?? throw new UsageException($"{file} has something in {name} that is no JSON object; it was left as it is");
    }

    private static string Format(JsonObject root, string? text)
    {
        string indent = Indentation(text);
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions
        {
            Indented = true,
            IndentCharacter = indent[0],
            IndentSize = indent.Length,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            root.WriteTo(writer);
        }

        return System.Text.Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private static string Indentation(string? text)
    {
        const string Usual = "    ";
        string? line = text?.Split('\n').FirstOrDefault(l => l.Length > 0 && l[0] is ' ' or '\t' && l.TrimStart().StartsWith('"'));
        if (line is null) return Usual;
        string white = line[..(line.Length - line.TrimStart().Length)];
        return white.Distinct().Count() == 1 && white.Length <= 8 ? white : Usual;
    }
}
