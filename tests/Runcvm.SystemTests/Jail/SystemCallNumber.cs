#pragma warning disable IDE1006, CA1707 // The kernel's names.

namespace Runcvm.SystemTests.Jail;

/// <summary>Numbers of x86-64.</summary>
internal enum SystemCallNumber
{
    write = 1, close = 3, mmap = 9, munmap = 11, ioctl = 16, socket = 41, connect = 42, bind = 49, fork = 57,
    execve = 59,
    wait4 = 61, kill = 62, mkdir = 83, ptrace = 101,
    syslog = 103, setuid = 105, setgid = 106, setgroups = 116, setresuid = 117, capset = 126, mknod = 133,
    personality = 135, setpriority = 141,
    sched_setscheduler = 144, vhangup = 153, pivot_root = 155, prctl = 157, adjtimex = 159, chroot = 161, acct = 163,
    settimeofday = 164, mount = 165,
    umount2 = 166, swapon = 167, reboot = 169, sethostname = 170, setdomainname = 171, iopl = 172, ioperm = 173,
    init_module = 175, delete_module = 176,
    quotactl = 179, clock_settime = 227, kexec_load = 246, add_key = 248, request_key = 249, keyctl = 250,
    ioprio_set = 251, openat = 257, fchownat = 260, unlinkat = 263,
    linkat = 265, symlinkat = 266, fchmodat = 268, unshare = 272, perf_event_open = 298, fanotify_init = 300,
    prlimit64 = 302, name_to_handle_at = 303, open_by_handle_at = 304,
    setns = 308, process_vm_readv = 310, process_vm_writev = 311, kcmp = 312, finit_module = 313,
    kexec_file_load = 320, memfd_create = 319, bpf = 321,
    execveat = 322, userfaultfd = 323, io_uring_setup = 425, open_tree = 428, move_mount = 429, fsopen = 430,
    pidfd_open = 434, clone3 = 435, pidfd_getfd = 438,
    process_madvise = 440, mount_setattr = 442, landlock_create_ruleset = 444, memfd_secret = 447,
}
