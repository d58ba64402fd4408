using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>The supervisor from the moment that the hypervisor is started: it relays bytes, follows the network, and
/// has no capability any more. `runcvm attach` is content with the same.</summary>
internal static class SupervisorCalls
{
    private const uint Unix = 1, Internet = 2, Internet6 = 10, Netlink = 16;

    internal static SystemCallList List { get; } = RuntimeCalls.List
        // The control socket, shared ports, the network's changes; no raw, vsock, packet or other sockets.
        .AllowIf("socket", ArgumentRule.OneOf(0, Unix, Internet, Internet6, Netlink))
        .AllowIf("socketpair", ArgumentRule.OneOf(0, Unix))
        .Allow("accept", "accept4", "bind", "connect", "listen", "shutdown", "getpeername", "getsockname")
        .Allow("getsockopt", "setsockopt", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg")
        // Whether a file is a terminal, its size and its modes: TCGETS, TCSETS*, TIOCGWINSZ, TIOCSWINSZ; FIONBIO,
        // FIONREAD.
        .AllowIf("ioctl", ArgumentRule.OneOf(1, 0x5401, 0x5402, 0x5403, 0x5404, 0x5413, 0x5414, 0x5421, 0x541b))
        // Its part of the state folder.
        .Allow("chmod", "fchmod", "fchmodat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "rmdir")
        .Allow("unlink", "unlinkat", "umask", "fallocate", "inotify_init1", "inotify_add_watch", "inotify_rm_watch")
        // Hypervisor and file server are its children. The end for want of memory is a program of its own
        // (MemoryShortage.cs), which inherits this filter.
        .Allow("kill", "pidfd_open", "pidfd_send_signal", "wait4", "waitid", "vfork", "execve", "setsid")
        .AllowIf("clone", ArgumentRule.OneOf(0, [.. RuntimeCalls.NewThread, RuntimeCalls.NewProcess]));
}
