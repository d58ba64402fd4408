using System.Text.Json;
using System.Text.Json.Nodes;

namespace Runcvm.Oci;

/// <summary>The types that the OCI runtime specification gives to the fields that are read here. Checked once, when a file was
/// read, so that whoever reads a field later need not expect anything else.</summary>
internal static class SpecTypes
{
    private const string Process = "process.";

    private static string[] Stages
        => ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    private static (string Below, JsonValueKind Kind)[] OfStage =>
    [
        ("", JsonValueKind.Array), ("[]", JsonValueKind.Object), ("[].path", JsonValueKind.String),
        ("[].args", JsonValueKind.Array), ("[].args[]", JsonValueKind.String),
    ];

    // A field that is not there, or null, is fine wherever the specification lets one leave it out.
    private static readonly (string Field, JsonValueKind Kind)[] Fields =
    [
        ("hostname", JsonValueKind.String), ("domainname", JsonValueKind.String), ("annotations", JsonValueKind.Object), ("hooks", JsonValueKind.Object),
        ("root", JsonValueKind.Object), ("root.path", JsonValueKind.String), ("root.readonly", JsonValueKind.True),
        ("mounts", JsonValueKind.Array), ("mounts[]", JsonValueKind.Object), ("mounts[].destination", JsonValueKind.String),
        ("mounts[].type", JsonValueKind.String), ("mounts[].source", JsonValueKind.String),
        ("mounts[].options", JsonValueKind.Array), ("mounts[].options[]", JsonValueKind.String),
        ("process", JsonValueKind.Object), ("process.args", JsonValueKind.Array), ("process.args[]", JsonValueKind.String),
        ("process.env", JsonValueKind.Array), ("process.env[]", JsonValueKind.String), ("process.cwd", JsonValueKind.String),
        ("process.terminal", JsonValueKind.True), ("process.noNewPrivileges", JsonValueKind.True), ("process.oomScoreAdj", JsonValueKind.Number),
        ("process.consoleSize", JsonValueKind.Object), ("process.consoleSize.height", JsonValueKind.Number), ("process.consoleSize.width", JsonValueKind.Number),
        ("process.user", JsonValueKind.Object), ("process.user.uid", JsonValueKind.Number), ("process.user.gid", JsonValueKind.Number),
        ("process.user.umask", JsonValueKind.Number), ("process.user.additionalGids", JsonValueKind.Array), ("process.user.additionalGids[]", JsonValueKind.Number),
        ("process.capabilities", JsonValueKind.Object), ("process.capabilities.bounding", JsonValueKind.Array), ("process.capabilities.bounding[]", JsonValueKind.String),
        ("process.capabilities.effective", JsonValueKind.Array), ("process.capabilities.effective[]", JsonValueKind.String),
        ("process.capabilities.permitted", JsonValueKind.Array), ("process.capabilities.permitted[]", JsonValueKind.String),
        ("process.capabilities.inheritable", JsonValueKind.Array), ("process.capabilities.inheritable[]", JsonValueKind.String),
        ("process.capabilities.ambient", JsonValueKind.Array), ("process.capabilities.ambient[]", JsonValueKind.String),
        ("process.rlimits", JsonValueKind.Array), ("process.rlimits[]", JsonValueKind.Object), ("process.rlimits[].type", JsonValueKind.String),
        ("process.rlimits[].soft", JsonValueKind.Number), ("process.rlimits[].hard", JsonValueKind.Number),
        ("linux", JsonValueKind.Object), ("linux.sysctl", JsonValueKind.Object), ("linux.sysctl{}", JsonValueKind.String),
        ("linux.namespaces", JsonValueKind.Array), ("linux.namespaces[]", JsonValueKind.Object), ("linux.namespaces[].type", JsonValueKind.String), ("linux.namespaces[].path", JsonValueKind.String),
        ("linux.uidMappings", JsonValueKind.Array), ("linux.uidMappings[]", JsonValueKind.Object),
        ("linux.uidMappings[].containerID", JsonValueKind.Number),
        ("linux.uidMappings[].hostID", JsonValueKind.Number),
        ("linux.devices", JsonValueKind.Array), ("linux.devices[]", JsonValueKind.Object), ("linux.devices[].path", JsonValueKind.String),
        ("linux.resources", JsonValueKind.Object), ("linux.resources.devices", JsonValueKind.Array), ("linux.resources.devices[]", JsonValueKind.Object),
        ("linux.resources.devices[].allow", JsonValueKind.True), ("linux.resources.devices[].type", JsonValueKind.String), ("linux.resources.devices[].access", JsonValueKind.String),
        ("linux.resources.memory", JsonValueKind.Object), ("linux.resources.memory.limit", JsonValueKind.Number),
        ("linux.resources.memory.reservation", JsonValueKind.Number), ("linux.resources.memory.swap", JsonValueKind.Number),
        ("linux.resources.cpu", JsonValueKind.Object), ("linux.resources.cpu.quota", JsonValueKind.Number),
        ("linux.resources.cpu.shares", JsonValueKind.Number), ("linux.resources.cpu.period", JsonValueKind.Number),
        ("linux.resources.cpu.cpus", JsonValueKind.String),
        ("linux.resources.pids", JsonValueKind.Object), ("linux.resources.pids.limit", JsonValueKind.Number),
        ("linux.resources.unified", JsonValueKind.Object), ("linux.resources.unified{}", JsonValueKind.String),
        ("linux.seccomp", JsonValueKind.Object), ("linux.seccomp.defaultAction", JsonValueKind.String),
        ("linux.seccomp.defaultErrnoRet", JsonValueKind.Number), ("linux.seccomp.syscalls", JsonValueKind.Array),
        ("linux.seccomp.syscalls[]", JsonValueKind.Object), ("linux.seccomp.syscalls[].names", JsonValueKind.Array),
        ("linux.seccomp.syscalls[].names[]", JsonValueKind.String),
        ("linux.seccomp.syscalls[].action", JsonValueKind.String),
        ("linux.seccomp.syscalls[].errnoRet", JsonValueKind.Number),
        ("linux.seccomp.syscalls[].args", JsonValueKind.Array),
        ("linux.seccomp.syscalls[].args[]", JsonValueKind.Object),
        ("linux.seccomp.syscalls[].args[].index", JsonValueKind.Number),
        ("linux.seccomp.syscalls[].args[].value", JsonValueKind.Number),
        ("linux.seccomp.syscalls[].args[].valueTwo", JsonValueKind.Number),
        ("linux.seccomp.syscalls[].args[].op", JsonValueKind.String),
        .. from stage in Stages from field in OfStage select ($"hooks.{stage}{field.Below}", field.Kind),
    ];

    private static readonly string[] Required =
    [
        "process.rlimits[].type", "process.rlimits[].soft", "process.rlimits[].hard", "linux.namespaces[].type",
        "linux.seccomp.defaultAction", "linux.seccomp.syscalls[].names", "linux.seccomp.syscalls[].action",
        "linux.seccomp.syscalls[].args[].index", "linux.seccomp.syscalls[].args[].value",
        "linux.seccomp.syscalls[].args[].op",
    ];

    // In these a negative number, or one without bounds, has a meaning.
    private static readonly string[] Signed = ["oomScoreAdj", "limit", "reservation", "swap", "quota"];

    private static readonly string[] Wide =
    [
        "soft", "hard", "limit", "reservation", "swap", "quota", "period", "shares", "containerID", "hostID", "value",
        "valueTwo",
    ];

    /// <summary>Checks a whole config.json.</summary>
    internal static void CheckSpec(JsonObject spec, string file) => Check(spec, file, "");

    /// <summary>Checks a process as `exec --process` gives it.</summary>
    internal static void CheckProcess(JsonObject process, string file) => Check(process, file, Process);

    /// <summary>Checks resources as `update --resources` gives them.</summary>
    internal static void CheckResources(JsonObject resources, string file) => Check(resources, file, "linux.resources.");

    private static void Check(JsonObject root, string file, string prefix)
    {
        foreach ((string field, JsonValueKind kind) in Fields)
        {
            if (field.StartsWith(prefix, StringComparison.Ordinal)) Check(root, field.AsSpan(prefix.Length), field, kind, file);
        }
    }

    // Parents are checked before their children, so what is looked into here has the right type.
    private static void Check(JsonNode? node, ReadOnlySpan<char> rest, string field, JsonValueKind kind, string file)
    {
        if (node == null) return;
        if (rest.IsEmpty)
        {
            if (!Is(node, kind, field)) throw new UsageException($"{file}: {node.GetPath()[2..]} must be {Name(kind, field)}, not {Shown(node)}");
            return;
        }

        if (rest.StartsWith("[]") || rest.StartsWith("{}"))
        {
            IEnumerable<JsonNode?> items = node is JsonArray list ? list : node.AsObject().Select(static item => item.Value);
            foreach (JsonNode? item in items)
            {
                // An entry that is null is never one that was left out.
                if (item == null) throw new UsageException($"{file}: {node.GetPath()[2..]} must not hold null");
                Check(item, rest[2..].TrimStart('.'), field, kind, file);
            }

            return;
        }

        int end = rest.IndexOfAny('.', '[', '{');
        ReadOnlySpan<char> name = end < 0 ? rest : rest[..end];
        JsonNode? child = node[name.ToString()];
        if (child == null && end < 0 && Array.IndexOf(Required, field) >= 0)
            throw new UsageException($"{file}: {node.GetPath()[2..]} has no {name}");
        Check(child, end < 0 ? [] : rest[end..].TrimStart('.'), field, kind, file);
    }

    private static bool Is(JsonNode node, JsonValueKind kind, string field) => kind switch
    {
        JsonValueKind.True => node.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        JsonValueKind.Number => node is JsonValue value && value.GetValueKind() == kind && Fits(value, field[(field.LastIndexOf('.') + 1)..]),
        _ => node.GetValueKind() == kind,
    };

    private static bool Fits(JsonValue value, string name)
    {
        bool isWide = Array.IndexOf(Wide, name) >= 0;
        if (Array.IndexOf(Signed, name) >= 0) return isWide ? value.TryGetValue(out long _) : value.TryGetValue(out int _);
        return isWide ? value.TryGetValue(out ulong _) : value.TryGetValue(out uint _);
    }

    private static string Name(JsonValueKind kind, string field) => kind switch
    {
        JsonValueKind.String => "text",
        JsonValueKind.True => "true or false",
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        _ => Array.IndexOf(Signed, field[(field.LastIndexOf('.') + 1)..]) >= 0 ? "a whole number" : "a whole number from 0 on",
    };

    private static string Shown(JsonNode node)
    {
        const int Most = 40;
        string text = node.ToJsonString();
        return text.Length <= Most ? text : text[..Most] + "…";
    }
}
