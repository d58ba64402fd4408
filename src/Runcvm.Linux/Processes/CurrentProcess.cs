using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>What this process can do to itself.</summary>
public static unsafe class CurrentProcess
{
    /// <summary>getpid(2)</summary>
    public static int Id => Libc.getpid();

    /// <summary>getppid(2)</summary>
    public static int ParentId => Libc.getppid();

    /// <summary>geteuid(2) is 0.</summary>
    public static bool IsRoot => Libc.geteuid() == 0;

    /// <summary>execve(2). Returns only by throwing. Signals that .NET ignores are given back their default first,
    /// because an ignored signal stays ignored across execve.</summary>
    public static void Execute(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        _ = Libc.signal(SignalNumber.BrokenPipe, 0);
        using var argv = new Utf8Array(arguments);
        using var envp = new Utf8Array(environment);
        byte* file = Utf8Array.Copy(path);
        try
        {
            SystemCall.Check(Libc.execve(file, argv.Pointer, envp.Pointer), $"execute {path}");
        }
        finally
        {
            NativeMemory.Free(file);
        }
    }

    /// <summary>execveat(2) of a file that needs no name in this process's root. Returns only by throwing.</summary>
    /// <param name="program">open with O_PATH</param>
    /// <param name="arguments">argv, its first the program's name</param>
    /// <param name="environment">NAME=value</param>
    public static void Execute(SafeFileHandle program, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        _ = Libc.signal(SignalNumber.BrokenPipe, 0);
        using var argv = new Utf8Array(arguments);
        using var envp = new Utf8Array(environment);
        byte empty = 0;
        SystemCall.Check(
            Libc.syscall(
                SystemCallNumber.Here.execveat, program.DangerousGetHandle(), (nint)(&empty), (nint)argv.Pointer, (nint)envp.Pointer, Libc.AT_EMPTY_PATH),
            $"execute {arguments[0]}");
    }

    /// <summary>signal(SIGPIPE, SIG_IGN): writing to a closed pipe is an error with a message instead of the end.</summary>
    public static void IgnoreBrokenPipes() => Ignore(SignalNumber.BrokenPipe);

    /// <summary>signal(SIGIO, SIG_IGN): a lease that is asked back does not end this process. See
    /// <see cref="FileCalls.FileCall.IsOpenForWriting"/>.</summary>
    public static void IgnoreLeaseBreaks() => Ignore(SignalNumber.InputOutput);

    /// <summary>This process's environment as execve takes it.</summary>
    public static List<string> Environment
    {
        get
        {
            var all = new List<string>();
            foreach (System.Collections.DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
                all.Add($"{entry.Key}={entry.Value}");
            return all;
        }
    }

    private static void Ignore(int signal)
    {
        const nint SigIgn = 1;
        _ = Libc.signal(signal, SigIgn);
    }

    /// <summary>_exit(2): ends at once, without the runtime's shutdown.</summary>
    public static void ExitAtOnce(int code) => Libc._exit(code);

    /// <summary>chdir(2)</summary>
    public static void ChangeDirectory(string path) => SystemCall.Check(Libc.chdir(path), $"enter {path}");

    /// <summary>setsid(2)</summary>
    public static void BecomeSessionLeader() => SystemCall.Check(Libc.setsid(), $"become a session leader");

    /// <summary>prctl(PR_SET_NO_NEW_PRIVS)</summary>
    public static void SetNoNewPrivileges()
        => SystemCall.Check(Libc.prctl(Libc.PR_SET_NO_NEW_PRIVS, 1), $"set no_new_privs");

    /// <summary>unshare(2) of the calling thread.</summary>
    public static void Unshare(Namespaces namespaces)
        => SystemCall.Check(Libc.unshare((int)namespaces), $"enter new namespaces ({namespaces})");

    /// <summary>setns(2) of the calling thread.</summary>
    public static void Enter(SafeFileHandle ns, Namespaces kind)
        => SystemCall.Check(Libc.setns(ns, (int)kind), $"enter a namespace ({kind})");

    /// <summary>prlimit(2)</summary>
    /// <param name="resource">number of the limit, see <see cref="Rlimit"/></param>
    /// <param name="soft">soft limit; <see cref="ulong.MaxValue"/> is none</param>
    /// <param name="hard">hard limit</param>
    public static void SetLimit(int resource, ulong soft, ulong hard)
    {
        var limit = new Libc.rlimit { rlim_cur = soft, rlim_max = hard };
        SystemCall.Check(Libc.prlimit(0, resource, &limit, null), $"set resource limit {resource} to {soft}:{hard}");
    }

    /// <summary>Raises the limits of open files, the hard one too, where this process may (CAP_SYS_RESOURCE) and they are lower.</summary>
    /// <param name="files">at most fs.nr_open, see <see cref="Rlimit.MostOpenFiles"/></param>
    public static void TryRaiseOpenFiles(ulong files)
    {
        Libc.rlimit limit;
        SystemCall.Check(Libc.prlimit(0, Rlimit.OpenFiles, null, &limit), $"read the limit of open files");
        if (limit.rlim_max >= files) return;
        limit = new Libc.rlimit { rlim_cur = files, rlim_max = files };
        if (Libc.prlimit(0, Rlimit.OpenFiles, &limit, null) == 0) return;
        Errno errno = SystemCall.LastError;
        if (errno != Errno.EPERM) throw new LinuxException(errno, $"set the limit of open files to {files}");
    }

    /// <summary>The hard limit of open files, but no more than that.</summary>
    /// <param name="most">where the limit is higher, or none</param>
    public static long MostOpenFiles(ulong most)
    {
        Libc.rlimit limit;
        SystemCall.Check(Libc.prlimit(0, Rlimit.OpenFiles, null, &limit), $"read the limit of open files");
        return (long)Math.Min(limit.rlim_max, most);
    }

    /// <summary>Raises the soft limit of open files to the hard one, but not beyond <see cref="Rlimit.MostOpenFiles"/>: that would be none.</summary>
    /// <returns>the limit</returns>
    public static long RaiseOpenFiles()
    {
        Libc.rlimit limit;
        SystemCall.Check(Libc.prlimit(0, Rlimit.OpenFiles, null, &limit), $"read the limit of open files");
        ulong files = Math.Min(limit.rlim_max, Rlimit.MostOpenFiles);
        if (limit.rlim_cur != files) SetLimit(Rlimit.OpenFiles, files, limit.rlim_max);
        return (long)files;
    }

    /// <summary>Sets the ids for good: supplementary groups, group, user.</summary>
    public static void SetIdentity(uint user, uint group, ReadOnlySpan<uint> groups)
    {
        // Raw calls act on this thread only, which is the one that executes the program afterwards.
        fixed (uint* list = groups)
            SystemCall.Check(Libc.syscall(SystemCallNumber.Here.setgroups, groups.Length, (nint)list), $"set supplementary groups");
        SystemCall.Check(Libc.syscall(SystemCallNumber.Here.setresgid, (nint)group, (nint)group, (nint)group), $"set group {group}");
        SystemCall.Check(Libc.syscall(SystemCallNumber.Here.setresuid, (nint)user, (nint)user, (nint)user), $"set user {user}");
    }

    /// <summary>prctl(PR_SET_KEEPCAPS): permitted capabilities survive the next change of user.</summary>
    public static void KeepCapabilities(bool keep)
        => SystemCall.Check(Libc.prctl(Libc.PR_SET_KEEPCAPS, keep ? 1u : 0), $"keep capabilities");

    /// <summary>prctl(PR_SET_DUMPABLE, 0): no process without CAP_SYS_PTRACE reads or writes this one's memory, whatever user it is, and no
    /// core is written. Holds until the next execve(2).</summary>
    public static void ForbidInspection() => SystemCall.Check(Libc.prctl(Libc.PR_SET_DUMPABLE, 0), $"forbid inspection");

    /// <summary>prctl(PR_SET_PDEATHSIG): a signal for this process when its parent ends. A change of user or
    /// capabilities undoes it.</summary>
    public static void SignalWhenParentEnds(int signal)
        => SystemCall.Check(Libc.prctl(Libc.PR_SET_PDEATHSIG, (nuint)signal), $"ask for a signal at the parent's end");

    /// <summary>/proc/self/oom_score_adj: from -1000, never killed for want of memory, to 1000, killed before all others.</summary>
    public static void SetOomScore(int adjust)
    {
        using SafeFileHandle file = FileDescriptor.Open("/proc/self/oom_score_adj", OpenFlags.WriteOnly);
        FileDescriptor.WriteAll(file, Encoding.UTF8.GetBytes(adjust.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>The score that this process can give itself, or what takes its place: a lower one than it has takes
    /// CAP_SYS_RESOURCE. Its own stays as it is.</summary>
    /// <returns>what is wanted, or the score that this process has</returns>
    public static int PossibleOomScore(int wanted)
    {
        int own = int.Parse(
            File.ReadAllText("/proc/self/oom_score_adj"), System.Globalization.CultureInfo.InvariantCulture);
        if (wanted >= own) return wanted;
        try
        {
            SetOomScore(wanted);
        }
        catch (LinuxException e) when (e.Errno == Errno.EACCES)
        {
            return own;
        }

        SetOomScore(own);
        return wanted;
    }

    /// <summary>Takes that much memory, page by page, and keeps it.</summary>
    public static void TouchMemory(long bytes)
    {
        const int Page = 4096;
        byte* memory = (byte*)Libc.mmap(null, (nuint)bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
        SystemCall.Check((nint)memory == -1 ? -1 : 0, $"map {bytes} bytes");
        for (long at = 0; at < bytes; at += Page) memory[at] = 1;
    }
}
