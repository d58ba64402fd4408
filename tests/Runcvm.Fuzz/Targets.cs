namespace Runcvm.Fuzz;

/// <summary>What reads bytes that a guest, a hypervisor, an image or a sandbox chooses, by name. A target takes the
/// exception that its reader promises for bytes that cannot be; any other is a fault.</summary>
internal static class Targets
{
    internal static IReadOnlyDictionary<string, Action<byte[]>> All { get; } = new SortedDictionary<string,
        Action<byte[]>>
    {
        ["messages"] = MessageTarget.Run,
        ["frames"] = FrameTarget.Run,
        ["fuse"] = FuseTarget.Run,
        ["rings"] = RingTarget.Run,
        ["vhost"] = VhostTarget.Run,
        ["state"] = StateTarget.Run,
        ["oci"] = OciTarget.Run,
        ["kernel"] = KernelTarget.Run,
    };
}
