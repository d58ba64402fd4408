using static Runcvm.SystemTests.Jail.SystemCallNumber;

namespace Runcvm.SystemTests.Jail;

/// <summary>Attempts on the kernel: mounts, namespaces, settings, and interfaces that nobody in a sandbox has a use
/// for. Each is made so that
/// it would change nothing if it worked, or nothing beyond this process.</summary>
internal static class KernelAttempts
{
    private const int NewNamespace = 0x20000;
    private const int NewUser = 0x10000000;
    private const int NewNetwork = 0x40000000;
    private const int NewProcesses = 0x20000000;
    private const int Detach = 2;
    private const int Expire = 4;
    private const int Bind = 0x1000;
    private const int ChildSignal = 17;

    internal static IEnumerable<Attempt> All { get; } =
    [
        // --- mounts
        new("mount a tmpfs", Who.All, static at => UndoneMountAsync(at, "none", "/proc", "tmpfs", 0)),
        new("mount a proc", Who.All, static at => UndoneMountAsync(at, "none", "/dev", "proc", 0)),
        new("bind a mount", Who.All, static at => UndoneMountAsync(at, "/", "/dev", "", Bind)),
        new("remount the root writable", Who.All, static at => at.CallAsync(mount, "none", "/", 0, 0x20 | Bind, 0)),
        new("mark /dev to be unmounted", Who.All, static at => at.CallAsync(umount2, "/dev", Expire)),
        new("unmount the root", Who.All, static at => at.CallAsync(umount2, "/", 0)),
        new("pivot the root", Who.All, static at => at.CallAsync(pivot_root, ".", ".")),
        new("chroot", Who.Programs, static at => at.CallAsync(chroot, "/")),
        new("fsopen", Who.All, static at => ClosedAsync(at, fsopen, "tmpfs", 0)),
        new("clone a tree of mounts", Who.All, static at => ClosedAsync(at, open_tree, Injector.CurrentFolder, "/", 1)),
        new("move_mount", Who.All,
            static at => at.CallAsync(move_mount, Injector.CurrentFolder, "/", Injector.CurrentFolder, "/", 0)),
        new("mount_setattr", Who.All,
            static at => at.CallAsync(mount_setattr, Injector.CurrentFolder, "/", 0, new byte[32], 32)),

        // --- namespaces
        Namespace("user", NewUser), Namespace("mount", NewNamespace), Namespace("network", NewNetwork),
            Namespace("PID", NewProcesses),
        Namespace("user and network", NewUser | NewNetwork),
        new("clone3 into a user namespace", Who.All, static at => CloneAsync(at, NewUser)),
        new("clone3 into a user and a network namespace", Who.All, static at => CloneAsync(at, NewUser | NewNetwork)),
        new("clone3 into a mount namespace", Who.All, static at => CloneAsync(at, NewNamespace)),
        new("enter a namespace by pidfd", Who.All, static at => EnterAsync(at)),

        // --- the host's settings
        new("set the host name", Who.All, static at => at.CallAsync(sethostname, "jail-test", 9)),
        new("set the domain name", Who.All, static at => at.CallAsync(setdomainname, "jail-test", 9)),
        new("set the time", Who.All, static at => at.CallAsync(settimeofday, Time(-1), 0)),
        new("set the clock", Who.All, static at => at.CallAsync(clock_settime, 0, Time(-1))),
        new("adjust the clock", Who.All, static at => at.CallAsync(adjtimex, Adjustment())),
        new("reboot", Who.All, static at => at.CallAsync(reboot, 0, 0, 0, 0)),
        new("load a module", Who.All, static at => at.CallAsync(init_module, new byte[8], 8, "")),
        new("load a module by descriptor", Who.All, static at => at.CallAsync(finit_module, -1, "", 0)),
        new("remove a module", Who.All, static at => at.CallAsync(delete_module, "jail_test", 0)),
        new("load another kernel", Who.All, static at => at.CallAsync(kexec_load, 0, 0, 0, 4)),
        new("load another kernel by descriptor", Who.All, static at => at.CallAsync(kexec_file_load, -1, -1, 0, "", 8)),
        new("accounting", Who.All, static at => at.CallAsync(acct, "/jail-test-that-is-not")),
        new("quotas", Who.All, static at => at.CallAsync(quotactl, 0x80000100L, 0, 0, 0)),
        new("read the kernel's log", Who.All, static at => at.CallAsync(syslog, 3, new byte[64], 64)),
        new("vhangup", Who.All, static at => at.CallAsync(vhangup)),
        new("iopl", Who.All, static at => at.CallAsync(iopl, 3)),
        new("ioperm", Who.All, static at => at.CallAsync(ioperm, 0x70, 2, 1)),

        // --- interfaces with a history
        new("io_uring", Who.All, static at => ClosedAsync(at, io_uring_setup, 1, new byte[120])),
        new("bpf", Who.All, static at => ClosedAsync(at, bpf, 0, Map(), 72)),
        new("performance counters", Who.All, static at => ClosedAsync(at, perf_event_open, Counter(), 0, -1, -1, 0)),
        new("userfaultfd", Who.All, static at => ClosedAsync(at, userfaultfd, 0x80000)),
        new("keyctl", Who.All, static at => at.CallAsync(keyctl, 0, -3, 0)),
        new("add a key", Who.All, static at => at.CallAsync(add_key, "user", "jail-test", "x", 1, -3)),
        new("request a key", Who.All, static at => at.CallAsync(request_key, "user", "jail-test", 0, -3)),
        new("another personality", Who.All, static at => at.CallAsync(personality, 0x0400000)),
        new("fanotify", Who.All, static at => ClosedAsync(at, fanotify_init, 0, 0)),
        new("memfd_secret", Who.Programs, static at => ClosedAsync(at, memfd_secret, 0)),
    ];

    private static Attempt Namespace(string name, int flags)
        => new($"unshare the {name} namespace", Who.All, at => at.CallAsync(unshare, flags));

    private static async Task<Answer> ClosedAsync(Injector at, SystemCallNumber number, params object[] arguments)
    {
        Answer answer = await at.CallAsync(number, arguments);
        if (answer.Worked) await at.CallAsync(close, answer.Value);
        return answer;
    }

    private static async Task<Answer> UndoneMountAsync(Injector at, string source, string target, string type,
        int flags)
    {
        Answer answer = await at.CallAsync(mount, source, target, type, flags, 0);
        if (answer.Worked) await at.CallAsync(umount2, target, Detach);
        return answer;
    }

    // The tool ends what is born.
    private static Task<Answer> CloneAsync(Injector at, long flags)
    {
        byte[] arguments = new byte[64];
        BitConverter.TryWriteBytes(arguments, flags);
        BitConverter.TryWriteBytes(arguments.AsSpan(32), (long)ChildSignal);
        return at.CallAsync(clone3, arguments, arguments.Length);
    }

    private static async Task<Answer> EnterAsync(Injector at)
    {
        Answer process = await at.CallAsync(pidfd_open, 1, 0);
        if (!process.Worked) return process;
        Answer answer = await at.CallAsync(setns, process.Value, NewNetwork);
        await at.CallAsync(close, process.Value);
        return answer;
    }

    /// <summary>No valid time: what may set the clock says EINVAL.</summary>
    private static byte[] Time(long seconds) => [.. BitConverter.GetBytes(seconds), .. BitConverter.GetBytes(-1L)];

    private static byte[] Adjustment()
    {
        byte[] bytes = new byte[208];
        BitConverter.TryWriteBytes(bytes, 0x4000); // ADJ_TICK, which is zero here and out of bounds.
        return bytes;
    }

    private static byte[] Map()
    {
        byte[] bytes = new byte[72];
        int[] fields = [2, 4, 4, 1];
        Buffer.BlockCopy(fields, 0, bytes, 0, 16);
        return bytes;
    }

    private static byte[] Counter()
    {
        byte[] bytes = new byte[128];
        BitConverter.TryWriteBytes(bytes, 1); // PERF_TYPE_SOFTWARE
        BitConverter.TryWriteBytes(bytes.AsSpan(4), 128);
        return bytes;
    }
}
