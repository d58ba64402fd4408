using System.Text.Json;
using System.Text.Json.Nodes;

namespace Runcvm.Operating;

/// <summary>What Docker calls a container, where Docker runs.</summary>
/// <param name="Name">as in `docker ps`</param>
/// <param name="Image">as in `docker ps`</param>
internal sealed record EngineContainer(string Name, string Image)
{
    /// <summary>All containers by id; none where no engine answers.</summary>
    internal static IReadOnlyDictionary<string, EngineContainer> All()
    {
        var containers = new Dictionary<string, EngineContainer>();
        if (EngineSocket.TryGet("/containers/json?all=1") is not JsonArray list) return containers;
        foreach (JsonNode? item in list)
        {
            if (Text(item?["Id"]) is not { } id) continue;
            string name = (item?["Names"] as JsonArray)?.Select(Text).FirstOrDefault(static name => name != null)?.TrimStart('/') ?? "-";
            containers[id] = new EngineContainer(name, Text(item?[nameof(Image)]) ?? "-");
        }

        return containers;
    }

    internal static string? Text(JsonNode? node)
        => node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
}
