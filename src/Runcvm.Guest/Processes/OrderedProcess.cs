using Microsoft.Win32.SafeHandles;

namespace Runcvm.Guest.Processes;

/// <summary>A process that a <see cref="Spawner"/> has its orders for: it is being started, or is held just before its program.</summary>
/// <param name="Spawner">has the orders</param>
/// <param name="Report">where it says how it went</param>
/// <param name="Streams">of the process</param>
internal sealed record OrderedProcess(Spawner Spawner, SafeFileHandle Report, ProcessStreams Streams)
{
    /// <summary>Nobody wants it any more.</summary>
    internal void Forget()
    {
        Streams.Dispose();
        Report.Dispose();
        Spawner.End();
    }
}
