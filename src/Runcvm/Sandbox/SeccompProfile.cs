using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Runcvm.Linux;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Sandbox;

/// <summary>The filter on system calls that runc puts before the sandbox's processes, whatever the engine asked for:
/// the set-up of the supervisor, and all that its compartments need later, because their filters can only refuse
/// more.</summary>
internal static class SeccompProfile
{
    private const uint NewUserNamespace = 0x10000000;

    /// <summary>What some process of the sandbox may do at some time.</summary>
    internal static SystemCallList List { get; } = Joined()
        // Compartments. A user namespace of one's own would be the way to every capability there.
        .AllowIf("unshare", ArgumentRule.WithoutBits(0, NewUserNamespace))
        .AllowIf("clone", ArgumentRule.WithoutBits(0, NewUserNamespace))
        .Allow("chroot", "mount", "pivot_root", "umount2", "capset", "setgroups", "sethostname")
        .Allow("setgid", "setregid", "setresgid", "setuid", "setreuid", "setresuid", "setpgid", "setsid")
        .Allow("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
        // The runtime of containers between this filter and our program.
        .Allow("execve", "fork", "vfork", "setitimer", "getitimer", "splice", "tee", "sched_setaffinity")
        .Allow("setrlimit", "setpriority", "rt_sigqueueinfo", "rt_tgsigqueueinfo");

    internal static JsonObject Json()
    {
        bool arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        string[] always = [.. List.Rules.Where(static rule => rule.IsUnconditional).Select(static rule => rule.Name)];
        var calls = new JsonArray { (JsonNode)Entry("SCMP_ACT_ALLOW", always) };
        IEnumerable<SystemCallRule> errors = List.Rules.Where(static rule => rule.Error != Errno.None);
        foreach (IGrouping<Errno, SystemCallRule> refused in errors.GroupBy(static rule => rule.Error))
        {
            JsonObject entry = Entry("SCMP_ACT_ERRNO", [.. refused.Select(static rule => rule.Name)]);
            entry["errnoRet"] = (int)refused.Key;
            calls.Add((JsonNode)entry);
        }

        foreach (SystemCallRule rule in List.Rules.Where(static rule => rule.Arguments.Count > 0))
        {
            foreach (JsonObject argument in Conditions(rule))
            {
                JsonObject entry = Entry("SCMP_ACT_ALLOW", rule.Name);
                entry["args"] = new JsonArray { (JsonNode)argument };
                calls.Add((JsonNode)entry);
            }
        }

        return new JsonObject
        {
            ["defaultAction"] = "SCMP_ACT_ERRNO",
            ["architectures"] = new JsonArray { (JsonNode)(arm64 ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64") },
            ["syscalls"] = calls,
        };
    }

    // Conditions that differ from one compartment to the other are theirs; here the call is open.
    private static SystemCallList Joined()
    {
        string[] open = ["ioctl", "prctl", "mmap", "mprotect", "clone"];
        SystemCallList[] lists =
        [
            SupervisorCalls.List, FileServerCalls.List, BrokerCalls.List, QemuCalls.List(emulates: true),
            FirecrackerCalls.List, FirecrackerCalls.OfTheDouble,
        ];
        return lists.Aggregate(SystemCallList.Empty, (all, one) => all.Or(one.Without(open))).Allow(open);
    }

    // Several entries for one call mean: one of them. The comparison takes the lower half, as the kernel does.
    private static IEnumerable<JsonObject> Conditions(SystemCallRule rule)
    {
        if (rule.Arguments is not [var argument]) throw Inexpressible(rule);
        return argument.Test switch
        {
            ArgumentTest.OneOf => argument.Values.Select(value => Compared(argument.Argument, uint.MaxValue, value)),
            ArgumentTest.WithoutBits => [Compared(argument.Argument, argument.Values[0], 0)],
            _ => throw Inexpressible(rule),
        };
    }

    private static JsonObject Compared(int index, uint mask, uint value) => new()
    {
        ["index"] = index,
        ["value"] = (ulong)mask,
        ["valueTwo"] = (ulong)value,
        ["op"] = "SCMP_CMP_MASKED_EQ",
    };

    private static JsonObject Entry(string action, params string[] names) => new()
    {
        ["names"] = new JsonArray([.. names.Select(static name => (JsonNode)name)]),
        ["action"] = action,
    };

    private static InvalidOperationException Inexpressible(SystemCallRule rule)
        => new($"the sandbox's filter cannot say when {rule.Name} is allowed");
}
