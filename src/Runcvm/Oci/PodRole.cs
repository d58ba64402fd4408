using System.Text.Json.Nodes;

namespace Runcvm.Oci;

/// <summary>What a container is in a pod, as Kubernetes' engines say by annotations: never by an image's name, which
/// anybody can give.</summary>
/// <param name="Part">of the pod, or of none</param>
/// <param name="Sandbox">id of the pod's sandbox; empty where it is of no pod</param>
internal sealed record PodRole(PodPart Part, string Sandbox)
{
    private const string OptionPrefix = "io.runcvm/";

    // containerd's (pkg/cri/annotations), and CRI-O's (pkg/annotations).
    private static readonly string[] TypeNames =
        ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"];

    private static readonly string[] SandboxNames = ["io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"];

    /// <summary>What the spec says.</summary>
    /// <exception cref="UsageException">it is a container of a pod, and does not say of which</exception>
    internal static PodRole Of(JsonObject spec)
    {
        PodPart part = First(spec, TypeNames) switch
        {
            "sandbox" => PodPart.Sandbox,
            "container" => PodPart.Container,
            _ => PodPart.None,
        };
        string sandbox = part == PodPart.None ? "" : First(spec, SandboxNames) ?? "";
        return part == PodPart.Container && sandbox.Length == 0
            ? throw new UsageException($"a container of a pod names no sandbox (annotation {SandboxNames[0]})")
            : new PodRole(part, sandbox);
    }

    /// <summary>Options of the pod's machine (`io.runcvm/cpus`), as variables are written.</summary>
    internal static IEnumerable<string> Options(JsonObject spec)
        => from item in spec["annotations"] as JsonObject ?? []
           where item.Key.StartsWith(OptionPrefix, StringComparison.Ordinal)
           let name = item.Key[OptionPrefix.Length..].ToUpperInvariant().Replace('-', '_')
           select $"RUNCVM_{name}={Text(item.Value)}";

    /// <summary>A number that an engine says by an annotation; null where it does not, or says that there is no
    /// limit.</summary>
    internal static long? Number(JsonObject spec, string name)
        => long.TryParse(First(spec, [name]), out long number) && number > 0 ? number : null;

    private static string? First(JsonObject spec, string[] names)
        => names.Select(name => Text(spec["annotations"]?[name])).FirstOrDefault(static text => text != null);

    private static string? Text(JsonNode? node)
        => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}

/// <summary>A part of a pod.</summary>
internal enum PodPart
{
    /// <summary>a container of its own</summary>
    None,

    /// <summary>the first one, which holds what the others share; its machine is the pod</summary>
    Sandbox,

    /// <summary>one of those that do the work</summary>
    Container,
}
