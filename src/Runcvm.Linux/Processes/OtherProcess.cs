using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A process that is no child of this one, and so is known by its number only.</summary>
public static class OtherProcess
{
    /// <summary>The fields of proc_pid_stat(5) from the third on: the second is a name that may hold anything.</summary>
    /// <param name="id">the process</param>
    /// <param name="proc">where proc is mounted</param>
    /// <exception cref="IOException">it has ended</exception>
    public static string[] Status(int id, string proc = "/proc")
    {
        string text = File.ReadAllText($"{proc}/{id}/stat");
        return text[(text.LastIndexOf(')') + 2)..].Split(' ');
    }

    /// <summary>kill(-1, SIGKILL): every process that the calling thread may signal, which must not be
    /// root's.</summary>
    /// <returns>whether there was one</returns>
    public static bool TryKillAllOfUser()
    {
        const int Everybody = -1;
        if (CurrentProcess.IsRoot) throw new InvalidOperationException("root would end everything");
        if (Libc.kill(Everybody, SignalNumber.Kill) == 0) return true;
        Errno errno = SystemCall.LastError;
        return errno is Errno.ESRCH or Errno.EPERM ? false
            : throw new LinuxException(errno, "end what a program left behind");
    }

    /// <summary>kill(2)</summary>
    public static void Signal(int id, int signal)
        => SystemCall.Check(Libc.kill(id, signal), $"send signal {signal} to process {id}");
}
