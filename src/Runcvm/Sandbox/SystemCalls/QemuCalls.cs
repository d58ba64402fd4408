using Runcvm.Linux;
using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>QEMU 7.2 to 11, from the dynamic loader to its end, beside its own `-sandbox`. Its files, sockets, taps
/// and disks are open when it starts; it makes no socket.</summary>
internal static class QemuCalls
{
    private const uint Write = 2;
    private const uint PushCharacter = 0x5412, ConsoleControl = 0x541c, TakeTerminal = 0x540e;

    /// <param name="emulates">TCG translates the guest's code: it has memory that is writable and executable</param>
    internal static SystemCallList List(bool emulates)
    {
        SystemCallList list = RuntimeCalls.List
            // The thread that starts it in its compartment has this filter already. execve leads to what is mounted
            // there, which is QEMU alone, and gains nothing (no_new_privs).
            .Allow("execve", "execveat", "vfork", "pidfd_open", "setsid")
            .AllowIf("clone", ArgumentRule.OneOf(0, [.. RuntimeCalls.NewThread, RuntimeCalls.NewProcess]))
            // Devices: KVM, taps, vhost, the disk below a file. Which numbers those are depends on QEMU's version;
            // what puts characters into a terminal is none of them.
            .AllowIf("ioctl", ArgumentRule.NoneOf(1, PushCharacter, ConsoleControl, TakeTerminal))
            // Sockets that it was given, and the pair through which a vhost-user device may answer.
            .Allow("getpeername", "getsockname", "getsockopt", "setsockopt", "recvfrom", "recvmsg", "recvmmsg")
            .Allow("sendto", "sendmsg", "sendmmsg", "shutdown", "socketpair")
            // Disks.
            .Allow("copy_file_range", "fallocate", "fgetxattr", "sync_file_range", "syncfs", "unlink", "unlinkat")
            // Memory of the guest, and where it lies.
            .Allow("memfd_create", "msync", "set_mempolicy", "munlockall")
            // Its loader and GLib.
            .Allow("chdir", "fchdir", "umask", "sched_getattr", "timerfd_create", "timerfd_gettime", "timerfd_settime")
            .Allow("timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime")
            // Tried at the start; without it poll is used.
            .Refuse(Errno.ENOSYS, "io_uring_setup", "io_uring_enter", "io_uring_register");
        return emulates ? list.Allow("mmap", "mprotect") : Code(list);
    }

    /// <summary>Memory may be made executable, as a loader does, but not what can be written at the same
    /// time.</summary>
    internal static SystemCallList Code(SystemCallList list) => list
        .AllowIf("mmap", ArgumentRule.NotAllBits(2, Write | RuntimeCalls.Executable))
        .AllowIf("mprotect", ArgumentRule.NotAllBits(2, Write | RuntimeCalls.Executable));
}
