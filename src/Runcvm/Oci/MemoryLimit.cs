using System.Globalization;
using System.Text.Json.Nodes;

namespace Runcvm.Oci;

/// <summary>The memory a container may have, which the specification has two places for.</summary>
internal static class MemoryLimit
{
    /// <summary>Bytes, or null where there is no limit.</summary>
    internal static long? Of(JsonNode? resources)
    {
        if (resources?["memory"]?["limit"]?.GetValue<long>() is > 0 and long limit) return limit;
        string? unified = resources?["unified"]?["memory.max"]?.GetValue<string>();
        return long.TryParse(unified, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : null;
    }
}
