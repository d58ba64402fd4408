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

    /// <summary>posix_spawn(3). The child starts with an empty signal mask and default dispositions.</summary>
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
        int outOfTheWay = files.Count == 0 ? 0 : files.Max(static file => file.Number) + 1;
        var moved = new List<SafeFileHandle>();
        using var request = new SpawnRequest(newSession);
        try
        {
            foreach ((int number, SafeFileHandle source) in files)
            {
                SafeFileHandle copy = FileDescriptor.Duplicate(source, outOfTheWay);
                moved.Add(copy);
                request.Duplicate((int)copy.DangerousGetHandle(), number, path);
            }

            return Of(request.Start(path, arguments, environment));
        }
        finally
        {
            foreach (SafeFileHandle copy in moved) copy.Dispose();
        }
    }

    /// <summary>posix_spawn(3) of the leader of a session that has this process's files 0 to 2, identity, limits and folder.
    /// Gives only its id: nothing is opened, for which this process's limits may leave no room.</summary>
    /// <param name="path">the program's file</param>
    /// <param name="arguments">argv, its first the program's name</param>
    /// <param name="environment">NAME=value</param>
    /// <param name="terminal">the terminal that it opens as its own, or null</param>
    public static int StartInOwnPlace(
        string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, string? terminal)
    {
        using var request = new SpawnRequest(newSession: true);
        if (terminal != null)
        {
            // The first terminal that the leader of a session opens becomes the session's, with no call in between.
            request.Open(terminal, 0);
            request.Duplicate(0, 1, path);
            request.Duplicate(0, 2, path);
        }

        return request.Start(path, arguments, environment);
    }

    /// <summary>A child by its id: one that another process started and left behind when it ended, say.</summary>
    public static ChildProcess Of(int id)
    {
        nint pidFd = SystemCall.Check(Libc.syscall(SystemCallNumber.pidfd_open, id), $"open process {id}");
        return new ChildProcess(id, new SafeFileHandle(pidFd, true));
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
