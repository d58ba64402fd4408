using System.Globalization;
using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>What a sandbox may use of its host. A container's limits are meant for the workload, so there is room for
/// the hypervisor on top of them. Where its user set none there are some, because all that runs in a sandbox may be in
/// a stranger's hand.</summary>
/// <param name="UsualMemory">bytes of a sandbox whose user set no limit; 0 leaves it without</param>
/// <param name="Overhead">bytes that hypervisor and supervisor need beside the guest's memory</param>
/// <param name="Cpus">of the guest, a thread each</param>
internal sealed record SandboxLimits(long UsualMemory, long Overhead, int Cpus)
{
    /// <summary>Threads of a sandbox whose user set no limit. An exec has two here and, while it begins, a dozen of the
    /// low-level runtime's: several hundred may begin at a time. systemd gives a service about as many.</summary>
    internal const long UsualThreads = 4096;

    // QEMU has up to 64 that wait for disks and two of its own, supervisor and file server two dozen, and an exec that
    // begins a dozen.
    private const long ThreadsWithoutProcessors = 128;

    // Engines give a container that has a limit of memory as much swap.
    private const int WithSwap = 2;

    private static readonly string[] MemorySizes = ["limit", "reservation", "swap"];
    private static readonly string[] UnifiedSizes = ["memory.max", "memory.high", "memory.low", "memory.min"];

    private long Threads => ThreadsWithoutProcessors + Cpus;

    /// <summary>Sets those of a new sandbox.</summary>
    /// <param name="resources">of the container</param>
    /// <param name="host">what can be limited</param>
    internal void Set(JsonObject resources, HostCgroups host)
    {
        if (UsualMemory > 0 && MemoryLimit.Of(resources) == null)
        {
            JsonObject memory = Child(resources, "memory");
            memory["limit"] = -1L;
            // A wish about the limit that was not there: with it the machine would stand still at the one that is.
            memory.Remove("disableOOMKiller");
            if (host.Swap) memory["swap"] = -1L;
            else memory.Remove("swap");
            Remove(resources, "memory.max");
        }

        if (host.Processes && ProcessLimit.Of(resources) == null)
        {
            Child(resources, "pids")["limit"] = -1L;
            Remove(resources, "pids.max");
        }

        Change(resources);
    }

    /// <summary>Sets those that are named anew, for a new sandbox or one that runs.</summary>
    internal void Change(JsonNode resources)
    {
        foreach (string name in MemorySizes) Raise(resources["memory"], name, Overhead);
        Raise(resources["pids"], "limit", Threads);
        // The same of cgroup v2 by its own names; swap is counted apart from memory there.
        foreach (string name in UnifiedSizes) RaiseUnified(resources["unified"], name, Overhead);
        RaiseUnified(resources["unified"], "pids.max", Threads);
        ReplaceNone(resources);
    }

    // -1 is no limit, and so is "max". Swap without a limit is its user's wish, where memory has one.
    private void ReplaceNone(JsonNode resources)
    {
        if (UsualMemory > 0 && IsNone(resources["memory"], "limit"))
        {
            resources["memory"]!["limit"] = UsualMemory;
            if (IsNone(resources["memory"], "swap")) resources["memory"]!["swap"] = WithSwap * UsualMemory;
        }

        if (IsNone(resources["pids"], "limit")) resources["pids"]!["limit"] = UsualThreads;
        if (UsualMemory > 0) ReplaceUnified(resources["unified"], "memory.max", UsualMemory);
        ReplaceUnified(resources["unified"], "pids.max", UsualThreads);
    }

    private static void Raise(JsonNode? parent, string name, long more)
    {
        if (parent?[name]?.GetValue<long>() is > 0 and long value) parent[name] = value + more;
    }

    private static void RaiseUnified(JsonNode? unified, string name, long more)
    {
        string? text = unified?[name]?.GetValue<string>();
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value > 0)
            unified![name] = (value + more).ToString(CultureInfo.InvariantCulture);
    }

    private static void ReplaceUnified(JsonNode? unified, string name, long limit)
    {
        if (unified?[name]?.GetValue<string>() == "max") unified[name] = limit.ToString(CultureInfo.InvariantCulture);
    }

    private static bool IsNone(JsonNode? parent, string name) => parent?[name]?.GetValue<long>() < 0;

    private static void Remove(JsonObject resources, string unified)
        => (resources["unified"] as JsonObject)?.Remove(unified);

    private static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is JsonObject child) return child;
        var made = new JsonObject();
        parent[name] = made;
        return made;
    }
}
