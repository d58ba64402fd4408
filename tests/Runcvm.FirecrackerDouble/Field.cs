using System.Text.Json;

namespace Runcvm.FirecrackerDouble;

/// <summary>A property of an object that Firecracker takes.</summary>
/// <param name="Name">its JSON name</param>
/// <param name="Kind">what its value must be</param>
/// <param name="Required">an object without it is refused</param>
/// <param name="Words">the only values of a text; null for any</param>
/// <param name="Of">the properties of an object, or of the objects in a list</param>
internal sealed record Field(string Name, FieldKind Kind, bool Required = false, string[]? Words = null, Field[]? Of = null)
{
    /// <summary>Refuses unknown, missing and wrong properties, as serde does with <c>deny_unknown_fields</c>.</summary>
    internal static void Check(JsonElement value, Field[] fields)
    {
        if (value.ValueKind != JsonValueKind.Object) throw new FaultException($"invalid type: {value.ValueKind}, expected an object");
        foreach (JsonProperty property in value.EnumerateObject())
        {
            Field field = Array.Find(fields, field => field.Name == property.Name)
                ?? throw new FaultException($"unknown field `{property.Name}`, expected one of {string.Join(", ", fields.Select(f => $"`{f.Name}`"))}");
            if (property.Value.ValueKind != JsonValueKind.Null) field.CheckValue(property.Value);
        }

        foreach (Field field in fields)
        {
            if (field.Required && !value.TryGetProperty(field.Name, out _)) throw new FaultException($"missing field `{field.Name}`");
        }
    }

    private void CheckValue(JsonElement value)
    {
        bool fits = Kind switch
        {
            FieldKind.Text => value.ValueKind == JsonValueKind.String,
            FieldKind.Number => value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out _),
            FieldKind.Flag => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            FieldKind.List => value.ValueKind == JsonValueKind.Array,
            _ => value.ValueKind == JsonValueKind.Object,
        };
        if (!fits) throw new FaultException($"invalid type: {value.ValueKind}, expected {Kind} for `{Name}`");
        if (Words != null && !Words.Contains(value.GetString()))
            throw new FaultException($"unknown variant `{value.GetString()}`, expected one of {string.Join(", ", Words.Select(static word => $"`{word}`"))}");
        if (Of == null) return;
        if (Kind == FieldKind.Thing) Check(value, Of);
        else foreach (JsonElement item in value.EnumerateArray()) Check(item, Of);
    }
}
