using Runcvm.Linux;
using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>What a program of ours needs to start and to run: .NET's runtime and the C library in it. Traced, and
/// then thought through for what seldom comes: garbage collection, ends of threads, signals, failure.</summary>
internal static class RuntimeCalls
{
    /// <summary>What the C library makes a thread with: CLONE_VM, FS, FILES, SYSVSEM, SIGHAND, THREAD, SETTLS,
    /// PARENT_SETTID, CHILD_CLEARTID; musl adds CLONE_DETACHED, which means nothing.</summary>
    internal static readonly uint[] NewThread = [0x3d0f00, 0x7d0f00];

    /// <summary>What posix_spawn makes a process with: CLONE_VM, CLONE_VFORK and SIGCHLD.</summary>
    internal const uint NewProcess = 0x4111;

    /// <summary>PROT_EXEC</summary>
    internal const uint Executable = 4;

    internal static SystemCallList List { get; } = SystemCallList.Empty
        // Memory. Ours are compiled ahead, and nothing becomes executable later.
        .Allow("brk", "madvise", "mincore", "mlock", "mlock2", "mremap", "munlock", "munmap", "membarrier")
        .AllowIf("mmap", ArgumentRule.WithoutBits(2, Executable))
        .AllowIf("mprotect", ArgumentRule.WithoutBits(2, Executable))
        // Where memory lies, on hosts with several nodes: the garbage collector asks.
        .Allow("get_mempolicy", "mbind", "getcpu")
        // Threads and how they wait. clone3 keeps its flags where no filter sees them; without it clone is used.
        .Allow("futex", "get_robust_list", "set_robust_list", "rseq", "set_tid_address", "arch_prctl")
        .Allow("exit", "exit_group", "gettid", "sched_yield", "sched_getaffinity", "sched_getparam")
        .Allow("sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min", "restart_syscall")
        .AllowIf("clone", ArgumentRule.OneOf(0, NewThread))
        .Refuse(Errno.ENOSYS, "clone3")
        // Signals, also those that a program in trouble sends itself. Others are out of reach: other PID namespaces.
        .Allow("rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait")
        .Allow("sigaltstack", "tgkill", "tkill", "pause")
        // Time.
        .Allow("clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "times")
        // Waiting for files.
        .Allow("epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait")
        .Allow("eventfd", "eventfd2", "pipe", "pipe2", "poll", "ppoll", "select", "pselect6", "signalfd", "signalfd4")
        // Files by number, and opening and looking at what the compartment's own root has.
        .Allow("read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2")
        .Allow("close", "close_range", "dup", "dup2", "dup3", "fcntl", "flock", "lseek", "fadvise64", "readahead")
        .Allow("open", "openat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64")
        .Allow("stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "fsync", "fdatasync", "ftruncate")
        // Who and where it is.
        .Allow("getpid", "getppid", "getpgid", "getpgrp", "getsid", "getuid", "geteuid", "getgid", "getegid")
        .Allow("getresuid", "getresgid", "getgroups", "capget", "uname", "sysinfo", "getrandom", "getrusage")
        .Allow("getrlimit", "getpriority")
        // Its own limits only.
        .AllowIf("prlimit64", ArgumentRule.OneOf(0, 0))
        .AllowIf("prctl", ArgumentRule.OneOf(0, ProcessControl))
        // A filter can be made tighter.
        .Allow("seccomp");

    // PR_SET_PDEATHSIG, GET_DUMPABLE, SET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, SET_SECCOMP, CAPBSET_READ,
    // SET_TIMERSLACK, GET_TIMERSLACK, MCE_KILL, SET_NO_NEW_PRIVS, GET_NO_NEW_PRIVS, SET_VMA.
    private static uint[] ProcessControl => [1, 3, 4, 15, 16, 21, 22, 23, 29, 30, 33, 38, 39, 0x53564d41];
}
