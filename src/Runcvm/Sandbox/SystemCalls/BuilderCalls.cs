using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>Programs of the host that read what may be a stranger's: mkfs.erofs, xz, zstd, gzip, lz4, depmod. They read
/// and write files. They make no socket and no namespace, and mount nothing, whatever capability they have.</summary>
internal static class BuilderCalls
{
    internal static SystemCallList List { get; } = QemuCalls.Code(FileServerCalls.List)
        .Without("setfsuid", "setfsgid", "recvfrom", "recvmsg", "sendto", "sendmsg")
        // The thread that starts it has this filter already, and ends what it may have left behind.
        .Allow("execve", "execveat", "vfork", "pidfd_open", "kill", "wait4", "waitid")
        .AllowIf("clone", ArgumentRule.OneOf(0, [.. RuntimeCalls.NewThread, RuntimeCalls.NewProcess]));
}
