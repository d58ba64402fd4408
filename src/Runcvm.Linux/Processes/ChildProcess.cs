using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A child of this process, held by a pidfd so that its number cannot be mistaken.</summary>
public sealed unsafe class ChildProcess : IDisposable
{
    private ChildProcess(int id, SafeFileHandle pidFd)
    {
        Id = id;
        PidFd = pidFd;
    }

    /// <summary>Its process id in this process's PID namespace.</summary>
    public int Id { get; }

    /// <summary>pidfd_open(2): readable once the process has ended.</summary>
    public SafeFileHandle PidFd { get; }

    /// <summary>posix_spawn(3). The child starts with an empty signal mask and default dispositions (.NET ignores SIGPIPE,
    /// and a program would inherit that).</summary>
    /// <param name="path">the program's file</param>
    /// <param name="arguments">argv, its first the program's name</param>
    /// <param name="environment">NAME=value</param>
    /// <param name="files">which of this process's files the child gets, by the number it gets them under</param>
    /// <param name="newSession">make it the leader of a session</param>
    public static ChildProcess Start(
        string path,
        IReadOnlyList<string> arguments,
        IReadOnlyList<string> environment,
        IReadOnlyList<(int Number, SafeFileHandle File)> files,
        bool newSession = false)
    {
        // Sources are first moved out of the way of all targets: a dup2 would otherwise overwrite a file still to be placed.
        const int OutOfTheWay = 200;
        var moved = new List<SafeFileHandle>();
        byte* actions = stackalloc byte[Libc.SpawnStructSize];
        byte* attributes = stackalloc byte[Libc.SpawnStructSize];
        byte* none = stackalloc byte[Libc.SigsetSize];
        byte* all = stackalloc byte[Libc.SigsetSize];
        new Span<byte>(none, Libc.SigsetSize).Clear();
        new Span<byte>(all, Libc.SigsetSize).Fill(0xff);
        using var argv = new Utf8Array(arguments);
        using var envp = new Utf8Array(environment);
        byte* file = Utf8Array.Copy(path);
        Libc.posix_spawn_file_actions_init(actions);
        Libc.posix_spawnattr_init(attributes);
        try
        {
            foreach ((int number, SafeFileHandle source) in files)
            {
                SafeFileHandle copy = FileDescriptor.Duplicate(source, OutOfTheWay);
                moved.Add(copy);
                int failure = Libc.posix_spawn_file_actions_adddup2(actions, (int)copy.DangerousGetHandle(), number);
                if (failure != 0) throw new LinuxException((Errno)failure, $"pass a file to {path}");
            }

            short flags = Libc.POSIX_SPAWN_SETSIGMASK | Libc.POSIX_SPAWN_SETSIGDEF;
            if (newSession) flags |= Libc.POSIX_SPAWN_SETSID;
            Libc.posix_spawnattr_setflags(attributes, flags);
            Libc.posix_spawnattr_setsigmask(attributes, none);
            Libc.posix_spawnattr_setsigdefault(attributes, all);
            int error = Libc.posix_spawn(out int pid, file, actions, attributes, argv.Pointer, envp.Pointer);
            if (error != 0) throw new LinuxException((Errno)error, $"start {path}");
            nint pidFd = SystemCall.Check(Libc.syscall(SystemCallNumber.pidfd_open, pid), $"open process {pid}");
            return new ChildProcess(pid, new SafeFileHandle(pidFd, true));
        }
        finally
        {
            Libc.posix_spawn_file_actions_destroy(actions);
            Libc.posix_spawnattr_destroy(attributes);
            NativeMemory.Free(file);
            foreach (SafeFileHandle copy in moved) copy.Dispose();
        }
    }

    /// <summary>waitid(2): waits for the end and takes the child's status away.</summary>
    public ExitStatus Wait()
    {
        byte* info = stackalloc byte[Libc.SiginfoSize];
        while (Libc.waitid(Libc.P_PIDFD, (uint)PidFd.DangerousGetHandle(), info, Libc.WEXITED) < 0)
        {
            Errno errno = SystemCall.LastError;
            if (errno != Errno.EINTR) throw new LinuxException(errno, $"wait for process {Id}");
        }

        return StatusIn(info);
    }

    /// <summary>waitid(P_ALL, WNOHANG): takes the status of some child that has ended, or null.</summary>
    public static (int Id, ExitStatus Status)? TryReap()
    {
        const int AllChildren = 0;
        const int NoHang = 1;
        byte* info = stackalloc byte[Libc.SiginfoSize];
        new Span<byte>(info, Libc.SiginfoSize).Clear();
        int result = Libc.waitid(AllChildren, 0, info, Libc.WEXITED | NoHang);
        if (result < 0 && SystemCall.LastError == Errno.ECHILD) return null;
        SystemCall.Check(result, $"wait for any process");
        int id = *(int*)(info + 16);
        return id == 0 ? null : (id, StatusIn(info));
    }

    // siginfo_t on 64-bit machines: si_code at 8, si_pid at 16, si_status at 24.
    private static ExitStatus StatusIn(byte* info)
    {
        int code = *(int*)(info + 8);
        int status = *(int*)(info + 24);
        return code == Libc.CLD_EXITED ? new ExitStatus(status, 0) : new ExitStatus(0, status);
    }

    /// <summary>pidfd_send_signal(2); nothing happens if the process has ended.</summary>
    public void Kill(int signal)
    {
        nint result = Libc.syscall(SystemCallNumber.pidfd_send_signal, PidFd.DangerousGetHandle(), signal);
        if (result < 0 && SystemCall.LastError == Errno.ESRCH) return;
        SystemCall.Check(result, $"send signal {signal} to process {Id}");
    }

    /// <summary>Lets go of the pidfd; the process itself is not touched.</summary>
    public void Dispose() => PidFd.Dispose();
}
