using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Runcvm.Linux;
using Runcvm.Linux.Processes;

namespace Runcvm.Oci;

/// <summary>Reads a filter on system calls (linux.seccomp) and makes the program of it that the guest's kernel takes.
/// What it says of other processors' conventions is left out: calls by these end the process.</summary>
internal static class SeccompReader
{
    private const string Where = "linux.seccomp";

    /// <summary>The program; empty where the spec has no filter.</summary>
    /// <exception cref="UsageException">it is not as the OCI specification says, or cannot be had in a
    /// guest</exception>
    internal static byte[] Program(JsonNode? seccomp, Architecture machine)
    {
        if (seccomp == null) return [];
        CallAnswer usual = Answer(seccomp, "defaultAction", "defaultErrnoRet");
        List<CallRule> rules = [];
        foreach (JsonNode? entry in ProcessReader.Items(seccomp["syscalls"])) AddRules(rules, entry!);
        try
        {
            return SystemCallFilter.ProgramOf(new CallProfile(usual, rules), machine == Architecture.Arm64);
        }
        catch (CallProfileException e)
        {
            throw new UsageException($"{Where}: the profile {e.Message}", e);
        }
    }

    private static void AddRules(List<CallRule> rules, JsonNode entry)
    {
        CallAnswer answer = Answer(entry, "action", "errnoRet");
        CallCondition[] conditions = [.. ProcessReader.Items(entry["args"]).Select(static item => Condition(item!))];
        // Two conditions on one argument mean one of the two; on several arguments, all of them. runc has it so.
        bool isChoice = conditions.DistinctBy(static condition => condition.Argument).Count() < conditions.Length;
        foreach (string name in ProcessReader.Texts(entry["names"]))
        {
            if (!isChoice) rules.Add(new CallRule(name, answer, conditions));
            else rules.AddRange(conditions.Select(condition => new CallRule(name, answer, [condition])));
        }
    }

    private static CallAnswer Answer(JsonNode node, string action, string errno)
    {
        uint number = node[errno]?.GetValue<uint>() ?? (uint)Errno.EPERM;
        string name = node[action]!.GetValue<string>();
        return name switch
        {
            "SCMP_ACT_ALLOW" => CallAnswer.Allow,
            "SCMP_ACT_ERRNO" => CallAnswer.Fail(number),
            "SCMP_ACT_KILL" or "SCMP_ACT_KILL_THREAD" => CallAnswer.KillThread,
            "SCMP_ACT_KILL_PROCESS" => CallAnswer.KillProcess,
            "SCMP_ACT_TRAP" => CallAnswer.Trap,
            "SCMP_ACT_TRACE" => CallAnswer.Trace(number),
            "SCMP_ACT_LOG" => CallAnswer.Log,
            "SCMP_ACT_NOTIFY" => throw new UsageException(
                $"{Where}: {name} asks a program of the host about calls of another kernel; use a profile without it"),
            _ => throw new UsageException($"{Where}: the action '{name}' is unknown"),
        };
    }

    private static CallCondition Condition(JsonNode item)
    {
        const uint Arguments = 6;
        uint index = item["index"]!.GetValue<uint>();
        if (index >= Arguments) throw new UsageException($"{Where}: a call has no argument {index}");
        ulong value = item["value"]!.GetValue<ulong>();
        string name = item["op"]!.GetValue<string>();
        CallTest test = name switch
        {
            "SCMP_CMP_EQ" => CallTest.Equal,
            "SCMP_CMP_NE" => CallTest.NotEqual,
            "SCMP_CMP_LT" => CallTest.Less,
            "SCMP_CMP_LE" => CallTest.LessOrEqual,
            "SCMP_CMP_GT" => CallTest.Greater,
            "SCMP_CMP_GE" => CallTest.GreaterOrEqual,
            "SCMP_CMP_MASKED_EQ" => CallTest.Masked,
            _ => throw new UsageException($"{Where}: the comparison '{name}' is unknown"),
        };
        return new CallCondition((int)index, test, value, item["valueTwo"]?.GetValue<ulong>() ?? 0);
    }
}
