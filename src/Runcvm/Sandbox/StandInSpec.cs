using System.Text.Json.Nodes;
using Runcvm.Supervisor;

namespace Runcvm.Sandbox;

/// <summary>Turns the spec of a pod's container into that of its stand-in on the host: a program without any right,
/// with one open file, in namespaces of its own. What is not named here stays as the engine wrote it: cgroup, AppArmor,
/// SELinux.</summary>
internal static class StandInSpec
{
    /// <summary>Bytes that it may use. It needs a megabyte, and a process beside it as much. They are few, so that an
    /// engine which learns of a lack of memory from the cgroup alone can be told with little.</summary>
    internal const long Memory = 64L * 1024 * 1024;

    /// <param name="spec">of the container</param>
    /// <param name="skeleton">the empty root of every sandbox</param>
    /// <param name="program">this program on the host</param>
    /// <param name="cgroups">what the host can limit</param>
    internal static void Rewrite(JsonObject spec, string skeleton, string program, HostCgroups cgroups)
    {
        JsonObject linux = SandboxSpec.Child(spec, "linux");
        spec["root"] = new JsonObject { ["path"] = skeleton, ["readonly"] = true };
        SandboxSpec.RewriteProcess(SandboxSpec.Child(spec, "process"), [SandboxSpec.Program, StandInVerb.Name], []);
        spec["mounts"] = new JsonArray
        {
            SpecMount.Of("proc", "proc", "/proc", "nosuid", "noexec", "nodev"),
            SpecMount.Of("tmpfs", "tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=64k"),
            SpecMount.Of(
                "devpts", "devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
            SpecMount.Bind(program, SandboxSpec.Program, "ro", "nosuid", "nodev"),
        };
        linux["namespaces"] = new JsonArray([.. ((string[])["pid", "mount", "ipc", "uts", "network"])
            .Select(static type => (JsonNode)new JsonObject { ["type"] = type })]);
        SandboxSpec.HideKernel(linux);
        foreach (string name in (string[])["devices", "sysctl", "rootfsPropagation", "intelRdt"]) linux.Remove(name);
        linux["seccomp"] = SeccompProfile.Json();
        Limit(SandboxSpec.Child(linux, "resources"), cgroups);
        SandboxSpec.DropAnnotations(spec);
        spec.Remove("hooks");
        spec.Remove("hostname");
        spec.Remove("domainname");
    }

    // What the container may use its guest decides.
    private static void Limit(JsonObject resources, HostCgroups cgroups)
    {
        resources.Remove("devices");
        resources.Remove("unified");
        resources.Remove("memory");
        resources.Remove("pids");
        JsonObject? cpu = resources["cpu"] as JsonObject;
        cpu?.Remove("quota");
        cpu?.Remove("period");
        if (cgroups.Memory) resources["memory"] = new JsonObject { ["limit"] = Memory };
        if (cgroups.Memory && cgroups.Swap) resources["memory"]!["swap"] = Memory;
        if (cgroups.Processes) resources["pids"] = new JsonObject { ["limit"] = SandboxLimits.UsualThreads };
    }
}
