using static Runcvm.SystemTests.Jail.SystemCallNumber;

namespace Runcvm.SystemTests.Jail;

/// <summary>Attempts on files by name: of the host, of other machines, of the kernel.</summary>
internal static class FileAttempts
{
    private const int ReadOnly = 0x80000;
    private const int WriteOnly = 0x80001;
    private const int ReadWrite = 0x80002;
    private const int CreateNew = 0x800c1;
    private const int SetUserId = 0x9ed;
    private const int Block = 0x6000;
    private const int Character = 0x2000;
    private const int FirstDisk = 0xfe00;
    private const int Memory = 0x101;
    private const int SwapHeader = 0;

    internal static IEnumerable<Attempt> All(string prefix) =>
    [
        // The skeleton lies below /usr, where every sandbox once saw it as the host does.
        .. Create(Who.All, $"{prefix}/lib/runcvm/sandbox/jail-test", $"{prefix}/lib/runcvm/jail-test",
            "/usr/local/lib/runcvm/sandbox/jail-test",
            "/usr/local/bin/jail-test", "/usr/bin/jail-test", "/etc/jail-test", "/jail-test", "/boot/jail-test",
                "/sys/fs/cgroup/jail-test"),
        // The sandbox's own small tmpfs in memory: only the supervisor, whose they are, may have files there.
        .. Create(Who.Confined, "/dev/jail-test", "/run/runcvm-mounts/jail-test",
            "/run/sandbox/jail-test"),
        .. Create(Who.All, "/run/jail-test", "/run/runcvm/jail-test", "/run/runcvm-boots/jail-test", "/proc/jail-test"),
        .. Open(Who.All, WriteOnly, "for writing",
            $"{prefix}/lib/runcvm/sandbox/proc/sys/kernel/core_pattern",
                "/usr/local/lib/runcvm/sandbox/proc/sys/kernel/core_pattern", "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sys/vm/overcommit_memory",
                "/proc/sys/fs/suid_dumpable", "/proc/sys/kernel/randomize_va_space",
            "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/kernel/mm/ksm/run", "/sys/power/state",
                "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cgroup.procs",
            "/boot/vmlinux", "/boot/initramfs", "/runcvm", "/usr/bin/env", "/proc/irq/default_smp_affinity",
                "/proc/kcore"),
        .. Open(Who.All, ReadOnly, "for reading", "/etc/shadow", "/root", "/var/lib/docker", "/var/lib/runcvm",
            "/home"),
        .. Open(Who.All, ReadWrite, "for reading and writing", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg",
            "/dev/loop-control", "/dev/loop0", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/vfio/vfio", "/dev/uinput"),
        // The file server sees itself.
        .. Open(Who.Hypervisor, ReadOnly, "for reading", "/proc/self/environ"),
        .. Open(Who.Confined, ReadOnly, "for reading", "/proc/1/environ", "/proc/1/maps",
            "/run/runcvm/process.bin", "/run/runcvm/setup.bin", "/run/runcvm/machine.bin"),
        .. Open(Who.Confined, ReadWrite, "for reading and writing", "/proc/1/mem",
            "/proc/1/task/1/mem", "/run/runcvm/lock", "/run/runcvm-boots/0"),
        new("make a set-user-id program in /usr/local/bin", Who.All,
            at => CreateAsync(at, "/usr/local/bin/jail-test", SetUserId)),
        new("make a set-user-id program in the skeleton", Who.All,
            at => CreateAsync(at, $"{prefix}/lib/runcvm/sandbox/jail-test", SetUserId)),
        new("make the disk's device node in /dev", Who.Programs,
            at => MakeNodeAsync(at, "/dev/jail-test", Block, FirstDisk)),
        new("make a node of the kernel's memory in /dev", Who.Programs,
            at => MakeNodeAsync(at, "/dev/jail-test", Character, Memory)),
        new("make the disk's device node in the root", Who.All,
            at => MakeNodeAsync(at, "/jail-test", Block, FirstDisk)),
        new("give a host's program to everybody", Who.All,
            at => at.CallAsync(fchmodat, Injector.CurrentFolder, "/usr/bin/env", 0x1ed, 0)),
        new("give a host's program to another user", Who.All,
            at => at.CallAsync(fchownat, Injector.CurrentFolder, "/usr/bin/env", 0, 0, 0)),
        new("remove a host's program", Who.All,
            at => at.CallAsync(unlinkat, Injector.CurrentFolder, "/usr/bin/jail-test-that-is-not", 0)),
        new("link a host's program", Who.All,
            at => at.CallAsync(linkat, Injector.CurrentFolder, "/usr/bin/env", Injector.CurrentFolder, "/usr/jail-test",
            0)),
        new("open by handle", Who.All, at => at.CallAsync(open_by_handle_at, Injector.CurrentFolder, new byte[16], 0)),
        new("take a handle", Who.Hypervisor | Who.Root,
            at => at.CallAsync(name_to_handle_at, Injector.CurrentFolder, "/", new byte[160], new byte[8], 0)),
        new("swap to a file", Who.All, at => at.CallAsync(swapon, "/boot/vmlinux", SwapHeader)),
    ];

    /// <summary>Makes a file and removes it.</summary>
    internal static async Task<Answer> CreateAsync(Injector at, string path, int mode = 0x180)
    {
        Answer answer = await at.CallAsync(openat, Injector.CurrentFolder, path, CreateNew, mode);
        if (!answer.Worked) return answer;
        await at.CallAsync(close, answer.Value);
        await at.CallAsync(unlinkat, Injector.CurrentFolder, path, 0);
        return answer;
    }

    internal static async Task<Answer> OpenAsync(Injector at, string path, int flags)
    {
        const int NonBlocking = 0x800;
        Answer answer = await at.CallAsync(openat, Injector.CurrentFolder, path, flags | NonBlocking, 0);
        if (answer.Worked) await at.CallAsync(close, answer.Value);
        return answer;
    }

    private static async Task<Answer> MakeNodeAsync(Injector at, string path, int type, int device)
    {
        Answer answer = await at.CallAsync(mknod, path, type | 0x180, device);
        if (answer.Worked) await at.CallAsync(unlinkat, Injector.CurrentFolder, path, 0);
        return answer;
    }

    private static IEnumerable<Attempt> Create(Who who, params string[] paths)
        => paths.Distinct().Select(path
            => new Attempt($"make {path}", who, at => CreateAsync(at, path)) { AlsoFine = ["ENOTDIR"] });

    private static IEnumerable<Attempt> Open(Who who, int flags, string how, params string[] paths)
        => paths.Distinct().Select(path
            => new Attempt($"open {path} {how}", who,
            at => OpenAsync(at, path, flags))
            { AlsoFine = ["ENOTDIR", "ETXTBSY"] });
}
