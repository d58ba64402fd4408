using System.Numerics;
using System.Text.Json.Nodes;
using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;

namespace Runcvm.Oci;

/// <summary>Reads the "process" object of the OCI runtime specification.</summary>
internal static class ProcessReader
{
    private const uint DefaultUmask = 0x12;

    // What Podman grants by default, and what Docker does besides: whoever has all of that asked for no restriction.
    private static readonly CapabilitySet PodmanDefault = CapabilitySet.Of(
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_SETFCAP",
    ]);

    private static readonly CapabilitySet OnlyDockerDefault = CapabilitySet.Of(["CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE"]);

    /// <param name="process">the object</param>
    /// <param name="environment">of the process, without what is meant for RunCVM</param>
    /// <param name="isPodmans">whether the engine is Podman; asked only where it matters</param>
    internal static ProcessSpec Read(JsonObject process, IReadOnlyList<string> environment, Func<bool> isPodmans)
    {
        JsonNode? user = process["user"];
        uint uid = user?["uid"]?.GetValue<uint>() ?? 0;
        return new ProcessSpec
        {
            Arguments = Texts(process["args"]),
            Environment = LastOfEach(environment),
            WorkingDirectory = process["cwd"]?.GetValue<string>() ?? "/",
            User = uid,
            Group = user?["gid"]?.GetValue<uint>() ?? 0,
            Groups = [.. Items(user?["additionalGids"]).Select(static id => id!.GetValue<uint>())],
            Umask = user?["umask"]?.GetValue<uint>() ?? DefaultUmask,
            Terminal = process["terminal"]?.GetValue<bool>() ?? false,
            Rows = (ushort)(process["consoleSize"]?["height"]?.GetValue<uint>() ?? 0),
            Columns = (ushort)(process["consoleSize"]?["width"]?.GetValue<uint>() ?? 0),
            Capabilities = Capabilities(process["capabilities"], uid, isPodmans),
            NoNewPrivileges = process["noNewPrivileges"]?.GetValue<bool>() ?? false,
            Limits = Limits(process["rlimits"]),
            OomScoreAdjust = process["oomScoreAdj"]?.GetValue<int>() ?? 0,
        };
    }

    /// <summary>Exactly what runc would give.</summary>
    internal static CapabilityBits ExactCapabilities(JsonNode? sets)
    {
        return new CapabilityBits(
            Bits("bounding"), Bits("effective"), Bits("permitted"), Bits("inheritable"), Bits("ambient"));

        ulong Bits(string name) => CapabilitySet.Of(Texts(sets?[name])).Bits;
    }

    // Of two variables of one name the last counts, as with runc; programs differ in which one they find.
    private static List<string> LastOfEach(IReadOnlyList<string> environment)
    {
        var places = new Dictionary<string, int>(environment.Count);
        var kept = new List<string>(environment.Count);
        foreach (string entry in environment)
        {
            string name = entry.Split('=', 2)[0];
            if (places.TryGetValue(name, out int place)) kept[place] = entry;
            else
            {
                places[name] = kept.Count;
                kept.Add(entry);
            }
        }

        return kept;
    }

    internal static string[] Texts(JsonNode? list) => [.. Items(list).Select(static item => item!.GetValue<string>())];

    internal static IEnumerable<JsonNode?> Items(JsonNode? list) => list as JsonArray ?? [];

    // The workload is root of a whole machine. Once any capability was dropped, it gets exactly what runc would give it.
    private static CapabilityBits Capabilities(JsonNode? sets, uint user, Func<bool> isPodmans)
    {
        CapabilitySet bounding = Set("bounding");
        // Of the three that Docker gives and Podman does not, Podman's containers have none, or all when they were added.
        ulong dockers = bounding.Bits & OnlyDockerDefault.Bits;
        bool hasDefault = bounding.Contains(PodmanDefault) && (dockers == OnlyDockerDefault.Bits || (dockers == 0 && isPodmans()));
        if (!hasDefault || IsAllButSome(bounding))
        {
            return new CapabilityBits(
                bounding.Bits, Set("effective").Bits, Set("permitted").Bits, Set("inheritable").Bits, Set("ambient").Bits);
        }

        ulong all = CapabilitySet.Full.Bits;
        if (user == 0) return new CapabilityBits(all, all, all, Set("inheritable").Bits, Set("ambient").Bits);
        // A program of another user starts with those alone, whatever the other sets say: capabilities(7), "Transformation of capabilities during execve()".
        ulong own = Set("ambient").Bits;
        return new CapabilityBits(all, own, own, own, own);

        CapabilitySet Set(string name) => CapabilitySet.Of(Texts(sets?[name]));
    }

    // Who adds single ones does not add most of them. Engines of before Linux 5.8 do not know what came after the first 38, and leave that out of "all".
    private static bool IsAllButSome(CapabilitySet bounding)
    {
        const int Known = 38;
        const int Most = 26;
        int has = BitOperations.PopCount(bounding.Bits & ((1UL << Known) - 1));
        return has is > Most and < Known;
    }

    private static List<ResourceLimit> Limits(JsonNode? list)
    {
        var limits = new List<ResourceLimit>();
        foreach (JsonNode? item in Items(list))
        {
            string name = item?["type"]?.GetValue<string>() ?? "";
            int number = Rlimit.NumberOf(name);
            if (number < 0) throw new UsageException($"the resource limit '{name}' is unknown");
            limits.Add(new ResourceLimit((byte)number, item!["soft"]!.GetValue<ulong>(), item["hard"]!.GetValue<ulong>()));
        }

        // What dockerd sets where nobody asks for anything else.
        if (!limits.Exists(static limit => limit.Resource == Rlimit.OpenFiles))
            limits.Add(new ResourceLimit(Rlimit.OpenFiles, Rlimit.MostOpenFiles, Rlimit.MostOpenFiles));
        return limits;
    }
}
