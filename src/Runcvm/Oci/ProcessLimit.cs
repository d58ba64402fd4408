using System.Globalization;
using System.Text.Json.Nodes;

namespace Runcvm.Oci;

/// <summary>How many processes a container may have, which the specification has two places for.</summary>
internal static class ProcessLimit
{
    /// <summary>Their number, or null where there is no limit.</summary>
    internal static long? Of(JsonNode? resources)
    {
        if (resources?["pids"]?["limit"]?.GetValue<long>() is > 0 and long limit) return limit;
        string? unified = resources?["unified"]?["pids.max"]?.GetValue<string>();
        return long.TryParse(unified, NumberStyles.None, CultureInfo.InvariantCulture, out long count) && count > 0 ? count : null;
    }
}
