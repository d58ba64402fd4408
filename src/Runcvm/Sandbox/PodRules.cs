using System.Text.Json.Nodes;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Syntax;

namespace Runcvm.Sandbox;

/// <summary>What a pod can be, and how large its machine is.</summary>
internal static class PodRules
{
    private const string Memory = "io.kubernetes.cri.sandbox-memory";
    private const string Quota = "io.kubernetes.cri.sandbox-cpu-quota";
    private const string Period = "io.kubernetes.cri.sandbox-cpu-period";
    private const string MemorySize = "RUNCVM_MEM_SIZE=";

    // What the guest's kernel and init need beside what containers may use.
    private const long GuestsOwn = 96 * ByteSize.Mebi;

    // Engines can set no environment of a pod. Files of containers come while the machine runs, which takes virtio-fs.
    private static readonly string[] Fixed = ["RUNCVM_HYPERVISOR=qemu", "RUNCVM_ROOTFS=share"];

    /// <summary>Refuses a sandbox that is to be in namespaces of the host.</summary>
    internal static void CheckSandbox(JsonObject spec, NetworkChoice network)
    {
        if (network.IsShared)
            throw Refused("hostNetwork", "its network is the machine's own; leave hostNetwork out, or use hostPort");
        if (!Has(spec, "pid")) throw Refused("hostPID", "a machine has processes of its own; leave it out");
        if (!Has(spec, "ipc")) throw Refused("hostIPC", "a machine has a kernel of its own; leave it out");
    }

    /// <summary>Refuses a container that is to be in namespaces of the host.</summary>
    internal static void CheckContainer(JsonObject spec)
    {
        if (!Has(spec, "pid")) throw Refused("hostPID", "a machine has processes of its own; leave it out");
        if (!Has(spec, "network")) throw Refused("hostNetwork", "its network is the machine's own; leave it out");
        if (!Has(spec, "ipc")) throw Refused("hostIPC", "a machine has a kernel of its own; leave it out");
    }

    /// <summary>Number of the process that stands for the one container whose processes this one is to see (kubectl
    /// debug --target); null where it is not so. The sandbox's namespaces are named by its process. Another process is
    /// another container's.</summary>
    internal static string? TargetOf(JsonObject spec)
        => ProcessOf(spec, "pid") is { } process && ProcessOf(spec, "ipc") is { } sandbox && process != sandbox
            ? process : null;

    /// <summary>Options of the machine, as variables are written.</summary>
    internal static string[] Options(JsonObject spec)
    {
        string[] asked = [.. PodRole.Options(spec)];
        string? other =
            Array.Find(asked, static option => Fixed.Any(own => Name(own) == Name(option) && own != option));
        if (other != null)
            throw new UsageException($"{other} is not for pods: "
                + "a pod's machine runs under QEMU, with the containers' own roots; leave it out");
        return [.. Fixed, .. asked];
    }

    /// <summary>Refuses options that are a single machine's.</summary>
    internal static void Check(MachineOptions options)
    {
        string? name = options switch
        {
            { Egress.Count: > 0 } => "RUNCVM_EGRESS",
            { Disks.Count: > 0 } => "RUNCVM_DISKS",
            { SharesSockets: true } => "RUNCVM_SHARE_SOCKETS",
            { Systemd: true } => "RUNCVM_SYSTEMD",
            { Break: true } => "RUNCVM_BREAK",
            _ => null,
        };
        if (name != null) throw new UsageException($"{name} is not for pods yet; leave it out");
    }

    /// <summary>What the pod may use, as far as that says how large its machine is.</summary>
    /// <param name="spec">of the sandbox</param>
    /// <param name="options">of the machine</param>
    /// <param name="usual">bytes of a machine whose pod has no limit</param>
    internal static SpecResources Resources(JsonObject spec, string[] options, long usual)
    {
        bool saysMemory =
            Array.Exists(options, static option => option.StartsWith(MemorySize, StringComparison.Ordinal));
        long memory = PodRole.Number(spec, Memory) is { } limit ? limit + GuestsOwn : usual;
        return new SpecResources(
            saysMemory ? null : memory, PodRole.Number(spec, Quota), PodRole.Number(spec, Period), null, false);
    }

    /// <summary>How soon the host's kernel ends the machine when the host is short of memory. Engines give a sandbox
    /// the score of a program that does nothing, which would be the last to go; all of the pod is in this
    /// one.</summary>
    internal static int OomScore(JsonObject spec) => PodRole.Number(spec, Memory) == null ? 1000 : 0;

    private static bool Has(JsonObject spec, string type) => Find(spec, type) != null;

    private static JsonNode? Find(JsonObject spec, string type)
        => ProcessReader.Items(spec["linux"]?["namespaces"])
            .FirstOrDefault(item => item?["type"]?.GetValue<string>() == type);

    private static string? ProcessOf(JsonObject spec, string type)
        => Find(spec, type)?["path"]?.GetValue<string>().Split('/') is ["", "proc", var process, "ns", _]
            ? process : null;

    private static string Name(string option) => option.Split('=', 2)[0];

    private static UsageException Refused(string what, string why)
        => new($"{what}: a pod that is a machine cannot have it, for {why}");
}
