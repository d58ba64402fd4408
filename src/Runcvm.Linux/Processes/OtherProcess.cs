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

    /// <summary>kill(2)</summary>
    public static void Signal(int id, int signal)
        => SystemCall.Check(Libc.kill(id, signal), $"send signal {signal} to process {id}");
}
