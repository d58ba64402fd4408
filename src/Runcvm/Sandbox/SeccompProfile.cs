using System.Text.Json.Nodes;

namespace Runcvm.Sandbox;

/// <summary>The sandbox's system call filter where the engine gives none.</summary>
internal static class SeccompProfile
{
    // Calls by which a process changes the world around it; neither supervisor nor hypervisor has a use for one.
    private static readonly string[] Refused =
    [
        "acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
        "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load",
        "kexec_load", "keyctl", "lookup_dcookie", "mount", "mount_setattr", "move_mount", "name_to_handle_at", "nfsservctl",
        "open_by_handle_at", "open_tree", "perf_event_open", "personality", "process_vm_readv",
        "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setdomainname", "sethostname", "setns",
        "settimeofday", "swapoff", "swapon", "syslog", "umount", "userfaultfd", "vhangup",
    ];

    internal static JsonObject WithoutDangerousCalls() => new()
    {
        ["defaultAction"] = "SCMP_ACT_ALLOW",
        ["syscalls"] = new JsonArray
        {
            (JsonNode)new JsonObject
            {
                ["names"] = new JsonArray([.. Refused.Select(static name => (JsonNode)name)]),
                ["action"] = "SCMP_ACT_ERRNO",
            },
        },
    };
}
