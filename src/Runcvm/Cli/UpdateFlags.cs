using System.Globalization;
using System.Text.Json.Nodes;
using Runcvm.Oci;
using Runcvm.Syntax;

namespace Runcvm.Cli;

/// <summary>The limits that `update` takes as flags, as runc(8) says, in the form of `update --resources`.</summary>
internal static class UpdateFlags
{
    /// <summary>The flags of runc and of crun, all of which take a value.</summary>
    internal static readonly string[] WithValue =
    [
        "--resources", "-r", .. Known.Select(static flag => flag.Name), .. Refused.Select(static flag => flag.Name),
    ];

    private static (string Name, string Group, string Field, Func<string, JsonNode?> Read)[] Known =>
    [
        ("--memory", "memory", "limit", Size),
        ("--memory-reservation", "memory", "reservation", Size),
        ("--memory-swap", "memory", "swap", Size),
        ("--cpu-period", "cpu", "period", Count),
        ("--cpu-quota", "cpu", "quota", Signed),
        ("--cpu-burst", "cpu", "burst", Count),
        ("--cpu-share", "cpu", "shares", Count),
        ("--cpu-rt-period", "cpu", "realtimePeriod", Count),
        ("--cpu-rt-runtime", "cpu", "realtimeRuntime", Signed),
        ("--cpu-idle", "cpu", "idle", Count),
        ("--cpuset-cpus", "cpu", "cpus", Text),
        ("--cpuset-mems", "cpu", "mems", Text),
        ("--blkio-weight", "blockIO", "weight", Count),
        ("--pids-limit", "pids", "limit", Signed),
    ];

    private static (string Name, string Why)[] Refused =>
    [
        ("--kernel-memory", "runtimes of today have no limit of their own for it; --memory counts it"),
        ("--kernel-memory-tcp", "runtimes of today have no limit of their own for it; --memory counts it"),
        ("--l3-cache-schema", "a machine takes no part in Intel RDT"),
        ("--mem-bw-schema", "a machine takes no part in Intel RDT"),
    ];

    /// <summary>What the flags say.</summary>
    /// <exception cref="UsageException">nothing, or what cannot be had</exception>
    internal static JsonObject Read(CommandLine command)
    {
        foreach ((string name, string why) in Refused)
        {
            if (command.ValueOf(WithValue, name) != null) throw new UsageException($"update {name}: {why}");
        }

        var resources = new JsonObject();
        foreach ((string name, string group, string field, Func<string, JsonNode?> read) in Known)
        {
            // As with runc: nothing, and for two of them 0, is not asked for.
            if (command.ValueOf(WithValue, name) is not { Length: > 0 } text) continue;
            if (text == "0" && name is "--pids-limit" or "--blkio-weight") continue;
            JsonNode value = read(text) ?? throw new UsageException($"invalid value for {name[2..]}: '{text}'");
            if (resources[group] is not JsonObject) resources[group] = new JsonObject();
            resources[group]![field] = value;
        }

        if (resources.Count == 0)
            throw new UsageException(
                "update needs a limit: --memory, --pids-limit, --cpu-quota …, or --resources FILE");
        return resources;
    }

    private static JsonNode? Text(string text) => text;

    private static JsonNode? Count(string text)
        => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong count) ? count : null;

    private static JsonNode? Signed(string text)
        => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long count)
            ? count : null;

    // runc takes "512m", "512mb" and "512MiB" for one.
    private static JsonNode? Size(string text)
    {
        if (text == "-1") return -1L;
        string number = text.EndsWith("ib", StringComparison.OrdinalIgnoreCase) ? text[..^2]
            : text.EndsWith('b') || text.EndsWith('B') ? text[..^1] : text;
        return ByteSize.TryParse(number, plainUnit: 1) is { } bytes ? bytes : null;
    }
}
