using System.Text.Json.Nodes;

namespace Runcvm.Oci;

/// <summary>What a container is in a pod, as Kubernetes' engines say by annotations: never by an image's name, which
/// anybody can give.</summary>
/// <param name="Part">of the pod, or of none</param>
/// <param name="Sandbox">id of the pod's sandbox; empty where it is of no pod</param>
internal sealed record PodRole(PodPart Part, string Sandbox)
{
    private const string OptionPrefix = "io.runcvm/";

    // containerd's (pkg/cri/annotations). It lets no pod write them.
    private const string TypeName = "io.kubernetes.cri.container-type";
    private const string SandboxName = "io.kubernetes.cri.sandbox-id";

    // CRI-O's (pkg/annotations), which copies all that a pod's author writes.
    private const string OfCrio = "io.kubernetes.cri-o.";

    /// <summary>What the spec says.</summary>
    /// <param name="spec">the container's</param>
    /// <param name="isPodmans">Podman made it, which gives its containers, of pods or not, names of CRI-O's</param>
    /// <exception cref="UsageException">it is of a pod of another engine, or does not say of which</exception>
    internal static PodRole Of(JsonObject spec, bool isPodmans)
    {
        // Beside these the names of containerd are the author's word.
        if ((spec["annotations"] as JsonObject ?? [])
            .Any(static item => item.Key.StartsWith(OfCrio, StringComparison.Ordinal)))
            return isPodmans ? new PodRole(PodPart.None, "")
                : throw new UsageException("pods of CRI-O are not supported in this version; "
                    + "use containerd's CRI plugin, or another runtime class");
        JsonNode? type = spec["annotations"]?[TypeName];
        if (type == null) return new PodRole(PodPart.None, "");
        PodPart part = Text(type) switch
        {
            "sandbox" => PodPart.Sandbox,
            "container" => PodPart.Container,
            _ => throw new UsageException(
                $"the annotation {TypeName} is neither 'sandbox' nor 'container', but {type.ToJsonString()}"),
        };
        string sandbox = Text(spec["annotations"]?[SandboxName]) ?? "";
        return part == PodPart.Container && sandbox.Length == 0
            ? throw new UsageException($"a container of a pod names no sandbox (annotation {SandboxName})")
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
        => long.TryParse(Text(spec["annotations"]?[name]), out long number) && number > 0 ? number : null;

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
