using System.Text.Json.Nodes;
using Runcvm.Linux;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Tests.Sandbox;

/// <summary>The lists of system calls: what none may have, and that each compartment's is within the
/// sandbox's.</summary>
public class SeccompProfileTests
{
    // Nothing of a machine needs one of these; each has been a way out of a container, or reaches past it.
    private static readonly string[] Never =
    [
        "acct", "add_key", "bpf", "clock_settime", "delete_module", "fanotify_init", "finit_module", "fsconfig",
        "fsmount", "fsopen", "fspick", "init_module", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load",
        "keyctl", "lookup_dcookie", "mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at",
        "open_tree", "perf_event_open", "personality", "process_madvise", "process_vm_readv", "process_vm_writev",
        "ptrace", "quotactl", "reboot", "request_key", "setdomainname", "setns", "settimeofday", "swapoff",
        "swapon", "syslog", "vhangup", "vmsplice",
    ];

    private static readonly string[] SetUpOnly =
    [
        "capset", "chroot", "mount", "pivot_root", "setgid", "setgroups", "setuid", "sethostname", "umount2", "unshare",
    ];

    private static readonly (string Name, SystemCallList List)[] Compartments =
    [
        ("supervisor", SupervisorCalls.List), ("file server", FileServerCalls.List), ("broker", BrokerCalls.List),
        ("QEMU under TCG", QemuCalls.List(emulates: true)),
        ("QEMU with KVM", QemuCalls.List(emulates: false)), ("Firecracker", FirecrackerCalls.List),
    ];

    private static bool Allows(SystemCallList list, string name) => list.Find(name) is { Error: Errno.None };

    [Fact]
    public void No_list_has_what_reaches_past_a_container()
    {
        SystemCallList[] lists = [SeccompProfile.List, .. Compartments.Select(static one => one.List)];
        foreach (string name in (string[])[.. Never, "io_uring_setup", "userfaultfd", "clone3"])
            Assert.All(lists, list => Assert.False(Allows(list, name), name));
    }

    [Fact]
    public void A_builder_mounts_nothing_makes_no_namespace_and_no_socket_whatever_capability_it_has()
    {
        string[] forbidden = [.. Never, .. SetUpOnly, "socket", "socketpair", "connect", "clone3", "fork"];
        foreach (string name in forbidden) Assert.False(Allows(BuilderCalls.List, name), name);
        Assert.Equal([0x4111u, 0x3d0f00u, 0x7d0f00u], BuilderCalls.List.Find("clone")!.Arguments[0].Values);
    }

    [Fact]
    public void What_sets_compartments_up_is_gone_afterwards()
    {
        foreach (string name in SetUpOnly)
        {
            Assert.True(Allows(SeccompProfile.List, name), name);
            Assert.All(Compartments, one => Assert.False(Allows(one.List, name), $"{one.Name}: {name}"));
        }
    }

    [Fact]
    public void What_a_compartment_may_do_the_sandbox_may_do()
    {
        foreach ((string who, SystemCallList list) in Compartments)
        {
            Assert.All(
                list.Rules.Where(static rule => rule.Error == Errno.None),
                rule => Assert.True(Allows(SeccompProfile.List, rule.Name), $"{who}: {rule.Name}"));
        }
    }

    [Fact]
    public void Only_who_starts_programs_can_start_one_and_only_who_listens_has_sockets()
    {
        Assert.False(Allows(FileServerCalls.List, "execve"));
        Assert.False(Allows(FileServerCalls.List, "socket"));
        Assert.False(Allows(FileServerCalls.List, "kill"));
        Assert.False(Allows(BrokerCalls.List, "execve"));
        Assert.False(Allows(BrokerCalls.List, "kill"));
        Assert.Equal([1u, 16u], BrokerCalls.List.Find("socket")!.Arguments[0].Values);
        Assert.False(Allows(QemuCalls.List(emulates: true), "socket"));
        Assert.False(Allows(QemuCalls.List(emulates: true), "kill"));
        Assert.Equal([1u], FirecrackerCalls.List.Find("socket")!.Arguments[0].Values);
        Assert.Equal([1u, 2u, 10u, 16u], SupervisorCalls.List.Find("socket")!.Arguments[0].Values);
    }

    [Fact]
    public void Memory_is_writable_and_executable_only_where_code_is_translated()
    {
        Assert.Equal(ArgumentTest.WithoutBits, SupervisorCalls.List.Find("mprotect")!.Arguments[0].Test);
        Assert.Equal(ArgumentTest.WithoutBits, FileServerCalls.List.Find("mmap")!.Arguments[0].Test);
        Assert.Equal(ArgumentTest.NotAllBits, QemuCalls.List(emulates: false).Find("mmap")!.Arguments[0].Test);
        Assert.True(QemuCalls.List(emulates: true).Find("mmap")!.IsUnconditional);
    }

    [Fact]
    public void Every_list_becomes_a_filter_on_both_processors()
    {
        foreach ((string who, SystemCallList list) in Compartments)
        {
            Assert.InRange(SystemCallFilter.Of(list, arm64: false).Length, 50, 600);
            Assert.True(SystemCallFilter.Of(list, arm64: true).Length > 50, who);
        }

        _ = SystemCallFilter.Of(FirecrackerCalls.OfTheDouble);
    }

    [Fact]
    public void The_profile_names_its_processor_and_refuses_what_it_does_not_name()
    {
        JsonObject profile = SeccompProfile.Json();
        Assert.Equal("SCMP_ACT_ERRNO", (string?)profile["defaultAction"]);
        Assert.Single(profile["architectures"]!.AsArray());
        JsonNode[] calls = [.. profile["syscalls"]!.AsArray().Select(static call => call!)];
        Assert.DoesNotContain(calls, static call => call["args"] == null && Names(call).Contains("unshare"));
        JsonNode unshare = Assert.Single(calls, static call => Names(call).Contains("unshare"));
        DockerConfig.AssertJson(
            """[{"index":0,"value":268435456,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]""", unshare["args"]);
        JsonNode clone3 = Assert.Single(calls, static call => Names(call).Contains("clone3"));
        Assert.Equal(38, (int?)clone3["errnoRet"]);
        Assert.Equal(4, calls.Count(static call => Names(call).Contains("socket")));
    }

    private static string[] Names(JsonNode call) => [.. call["names"]!.AsArray().Select(static name => (string)name!)];
}
