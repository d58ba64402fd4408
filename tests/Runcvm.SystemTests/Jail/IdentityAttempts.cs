using static Runcvm.SystemTests.Jail.SystemCallNumber;

namespace Runcvm.SystemTests.Jail;

/// <summary>Attempts to become more than one is, and on other processes.</summary>
internal static class IdentityAttempts
{
    private const int Seize = 0x4206;
    private const int Interrupt = 0x4207;
    private const int DetachFrom = 17;
    private const int AnyChild = 0x40000000;
    private const int MostProcesses = 24;
    private const long EveryProcess = -1;
    private const int EmptyPath = 0x1000;

    internal static IEnumerable<Attempt> All { get; } =
    [
        new("setuid(0)", Who.Hypervisor, static at => at.CallAsync(setuid, 0)),
        new("setgid(0)", Who.Hypervisor, static at => at.CallAsync(setgid, 0)),
        new("become another user", Who.Programs & ~Who.FileServer,
            static at => at.CallAsync(setresuid, 12345, 12345, 12345)),
        new("become another group", Who.Programs & ~Who.FileServer, static at => at.CallAsync(setgid, 12345)),
        new("take groups", Who.Programs, static at => at.CallAsync(setgroups, 1, new byte[4])),
        new("take every capability", Who.Programs, static at => TakeCapabilitiesAsync(at)),
        new("take an ambient capability", Who.Programs, static at => at.CallAsync(prctl, 47, 2, 21, 0, 0)),
        new("change the secure bits", Who.Programs, static at => at.CallAsync(prctl, 28, 0, 0, 0, 0)),
        new("run a program from memory", Who.Programs, static at => RunFromMemoryAsync(at)),
        new("start a process", Who.Confined, static at => at.CallAsync(fork)),
        new("a real-time scheduler", Who.All,
            static at => at.CallAsync(sched_setscheduler, 0, 1, new byte[] { 1, 0, 0, 0 })),
        new("a higher priority", Who.All, static at => at.CallAsync(setpriority, 0, 0, -20)),
        new("a real-time disk priority", Who.All, static at => at.CallAsync(ioprio_set, 1, 0, 1 << 13)),
        new("more open files than allowed", Who.All, static at => RaiseAsync(at, 7)),
        new("more locked memory than allowed", Who.All, static at => RaiseAsync(at, 8)),
        new("trace another process", Who.All, static at => AnyAsync(at, TraceAsync)),
        new("write to another process's memory", Who.All, static at => AnyAsync(at, WriteMemoryAsync)),
        new("read another process's memory", Who.All, static at => AnyAsync(at, ReadMemoryAsync)),
        new("take a descriptor of another process", Who.All, static at => AnyAsync(at, TakeDescriptorAsync)),
        new("compare with another process", Who.All,
            static at => AnyAsync(at, static (at, id) => at.CallAsync(kcmp, id, 1, 0, 0, 0))),
        new("send a signal to another process", Who.Confined,
            static at => AnyAsync(at, static (at, id) => at.CallAsync(kill, id, 0))),
        new("send a signal to every process", Who.Confined,
            static at => at.CallAsync(kill, EveryProcess, 0)),
        new("change another process's limits", Who.Confined,
            static at => AnyAsync(at, static (at, id) => at.CallAsync(prlimit64, id, 7, 0, new byte[16]))),
        new("put a character into the terminal's input", Who.All,
            static at => at.CallAsync(ioctl, 0, 0x5412, "x")) { AlsoFine = ["ENOTTY", "EIO", "EBADF", "EINVAL"] },
    ];

    // The numbers that processes of a sandbox have. What is refused for each of them is refused; the first other
    // answer counts.
    private static async Task<Answer> AnyAsync(Injector at, Func<Injector, int, Task<Answer>> tryAsync)
    {
        Answer last = Answer.Nothing;
        for (int id = 1; id <= MostProcesses; id++)
        {
            if (id == at.OwnId) continue;
            last = await tryAsync(at, id);
            if (last.Name is not ("EPERM" or "EACCES" or "ESRCH" or "ENOSYS" or "filter")) return new Answer(last.Text);
        }

        return last;
    }

    private static async Task<Answer> TraceAsync(Injector at, int id)
    {
        Answer answer = await at.CallAsync(ptrace, Seize, id, 0, 0);
        if (!answer.Worked) return answer;
        await at.CallAsync(ptrace, Interrupt, id, 0, 0);
        await at.CallAsync(wait4, id, 0, AnyChild, 0);
        await at.CallAsync(ptrace, DetachFrom, id, 0, 0);
        return answer;
    }

    private static async Task<Answer> TakeCapabilitiesAsync(Injector at)
    {
        byte[] header = [.. BitConverter.GetBytes(0x20080522), 0, 0, 0, 0];
        byte[] sets = new byte[24];
        foreach (int field in (int[])[0, 4, 12, 16]) BitConverter.TryWriteBytes(sets.AsSpan(field),
            field < 12 ? -1 : 0x1ff);
        return await at.CallAsync(capset, header, sets);
    }

    // An empty program: what may be run says ENOEXEC, and the process goes on.
    private static async Task<Answer> RunFromMemoryAsync(Injector at)
    {
        Answer file = await at.CallAsync(memfd_create, "jail-test", 0);
        if (!file.Worked) return file;
        Answer answer = await at.CallAsync(execveat, file.Value, "", 0, 0, EmptyPath);
        await at.CallAsync(close, file.Value);
        return answer;
    }

    private static async Task<Answer> RaiseAsync(Injector at, int limit)
    {
        byte[] infinity = [.. BitConverter.GetBytes(-1L), .. BitConverter.GetBytes(-1L)];
        return await at.CallAsync(prlimit64, 0, limit, infinity, 0);
    }

    private static Task<Answer> WriteMemoryAsync(Injector at, int id) => MemoryAsync(at, process_vm_writev, id);

    private static Task<Answer> ReadMemoryAsync(Injector at, int id) => MemoryAsync(at, process_vm_readv, id);

    // At an address that nobody has: EFAULT would mean that the memory was looked for.
    private static async Task<Answer> MemoryAsync(Injector at, SystemCallNumber number, int id)
    {
        long data = await at.PutAsync(1024, new byte[8]);
        long local = await at.PutAsync(1040, [.. BitConverter.GetBytes(data), .. BitConverter.GetBytes(8L)]);
        long remote = await at.PutAsync(1056, [.. BitConverter.GetBytes(4096L), .. BitConverter.GetBytes(8L)]);
        return await at.CallAsync(number, id, local, 1, remote, 1, 0);
    }

    private static async Task<Answer> TakeDescriptorAsync(Injector at, int id)
    {
        Answer process = await at.CallAsync(pidfd_open, id, 0);
        // EINVAL: the number of a thread that leads no process.
        if (!process.Worked) return process.Name == "EINVAL" ? new Answer("-3") : process;
        Answer answer = await at.CallAsync(pidfd_getfd, process.Value, 0, 0);
        if (answer.Worked) await at.CallAsync(close, answer.Value);
        await at.CallAsync(close, process.Value);
        return answer;
    }
}
