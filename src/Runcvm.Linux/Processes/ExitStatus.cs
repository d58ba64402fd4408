namespace Runcvm.Linux.Processes;

/// <summary>How a process ended.</summary>
/// <param name="Code">what it returned, 0 to 255; meaningless after a signal</param>
/// <param name="Signal">the signal that killed it, or 0</param>
public readonly record struct ExitStatus(int Code, int Signal)
{
    /// <summary>The code as shells report it: 128 + the signal's number after a signal.</summary>
    public int ShellCode => Signal == 0 ? Code : ShellCodeOf(Signal);

    /// <summary>The code as shells report it of a process that a signal killed.</summary>
    /// <param name="signal">1 to 64</param>
    public static int ShellCodeOf(int signal) => 128 + signal;
}
