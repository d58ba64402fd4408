using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A process that is no child of this one, and so is known by its number only.</summary>
public static class OtherProcess
{
    /// <summary>kill(2)</summary>
    public static void Signal(int id, int signal)
        => SystemCall.Check(Libc.kill(id, signal), $"send signal {signal} to process {id}");
}
