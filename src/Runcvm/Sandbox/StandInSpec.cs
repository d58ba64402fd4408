using System.Text.Json.Nodes;
using Runcvm.Linux.Processes;
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

    /// <summary>Variable of a stand-in that says which container it stands for, and its equals sign.</summary>
    internal const string KeyVariable = "RUNCVM_CONTAINER=";

    // As the engines' own programs that do nothing: to end it frees no memory, and would end what it stands for.
    private const int UsualOomScore = -998;

    /// <param name="spec">of the container</param>
    /// <param name="key">what the host calls it</param>
    /// <param name="skeleton">the empty root of every sandbox</param>
    /// <param name="program">this program on the host</param>
    /// <param name="cgroups">what the host can limit</param>
    /// <param name="oomScore">see <see cref="OomScore"/></param>
    internal static void Rewrite(
        JsonObject spec, string key, string skeleton, string program, HostCgroups cgroups, int oomScore)
    {
        JsonObject linux = SandboxSpec.Child(spec, "linux");
        spec["root"] = new JsonObject { ["path"] = skeleton, ["readonly"] = true };
        JsonObject process = SandboxSpec.Child(spec, "process");
        RewriteProcess(process, [], oomScore);
        process["env"]!.AsArray().Add((JsonNode)(KeyVariable + key));
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

    /// <summary>What stand-ins have on this host. Engines without CAP_SYS_RESOURCE can lower no score.</summary>
    internal static int OomScore => CurrentProcess.PossibleOomScore(UsualOomScore);

    /// <summary>The same of one process.</summary>
    /// <param name="process">of the container</param>
    /// <param name="arguments">of the stand-in</param>
    /// <param name="oomScore">see <see cref="OomScore"/></param>
    internal static void RewriteProcess(JsonObject process, string[] arguments, int oomScore)
    {
        SandboxSpec.RewriteProcess(process, [SandboxSpec.Program, StandInVerb.Name, .. arguments], []);
        process["oomScoreAdj"] = oomScore;
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
