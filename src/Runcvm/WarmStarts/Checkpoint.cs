using Microsoft.Win32.SafeHandles;

namespace Runcvm.WarmStarts;

/// <summary>A checkpoint whose files are open for reading.</summary>
/// <param name="Record">what is known of it</param>
/// <param name="Memory">memory and devices</param>
/// <param name="Disk">its disk (<see cref="PackedDisk"/>)</param>
internal sealed record Checkpoint(CheckpointRecord Record, SafeFileHandle Memory, SafeFileHandle Disk) : IDisposable
{
    public void Dispose()
    {
        Memory.Dispose();
        Disk.Dispose();
    }
}
