using Runcvm.Linux;
using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>Firecracker until it installs its own filters, which are much tighter and different for each of its
/// threads: the union of what those allow (resources/seccomp of its source) and of its start.</summary>
internal static class FirecrackerCalls
{
    internal static SystemCallList List { get; } = QemuCalls.Code(RuntimeCalls.List)
        // As with QEMU: the thread that starts it has this filter already.
        .Allow("execve", "execveat", "vfork", "pidfd_open", "setsid")
        .AllowIf("clone", ArgumentRule.OneOf(0, [.. RuntimeCalls.NewThread, RuntimeCalls.NewProcess]))
        .AllowIf("ioctl", ArgumentRule.NoneOf(1, 0x5412, 0x541c, 0x540e))
        // Its API and the sockets of vsock.
        .AllowIf("socket", ArgumentRule.OneOf(0, 1))
        .Allow("accept", "accept4", "bind", "connect", "listen", "getpeername", "getsockname", "getsockopt")
        .Allow("setsockopt", "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "socketpair")
        .Allow("fallocate", "memfd_create", "msync", "umask", "unlink", "unlinkat", "chdir")
        .Allow("timerfd_create", "timerfd_gettime", "timerfd_settime")
        .Refuse(Errno.ENOSYS, "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd");

    /// <summary>The test double is a .NET program that starts QEMU and another program.</summary>
    internal static SystemCallList OfTheDouble { get; } = QemuCalls.List(emulates: true)
        .AllowIf("socket", ArgumentRule.OneOf(0, 1, 2, 10))
        .Allow("accept", "accept4", "bind", "connect", "listen", "clone", "fork", "kill", "pidfd_send_signal", "wait4")
        .Allow("waitid", "setpgid", "setpriority", "chmod", "fchmod", "fchmodat", "mkdir", "mkdirat", "rename")
        .Allow("renameat", "renameat2", "rmdir", "prctl", "capset", "inotify_init1", "inotify_add_watch");
}
