using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;

namespace Runcvm.Machines;

/// <summary>A virtual machine that was started. Above this interface no code knows which hypervisor runs it; what one of
/// them cannot do is not here.</summary>
internal interface IMachine : IDisposable
{
    /// <summary>The byte stream to the guest, as soon as there is one. Not before the guest has booted, where it has to dial.</summary>
    Task<AsyncFile> Stream { get; }

    /// <summary>The stream of the shares, in blocking mode, as soon as there is one. Null for a machine without shares.</summary>
    Task<SafeFileHandle>? Shares { get; }

    /// <summary>The hypervisor's side of a virtio-fs device, by the vhost-user protocol; null for a machine that has none.</summary>
    SafeFileHandle? FileDevice { get; }

    /// <summary>What the guest's kernel writes to its console.</summary>
    AsyncFile Console { get; }

    /// <summary>What the hypervisor itself writes to its standard error and its log.</summary>
    AsyncFile Errors { get; }

    /// <summary>"QEMU" or "Firecracker", for messages.</summary>
    string Name { get; }

    /// <summary>Ends with the hypervisor.</summary>
    Task<ExitStatus> Exited { get; }

    /// <summary>Ends when the guest is reset the next time, by itself or by <see cref="Reset"/>, and boots once more from its first instruction. Where a reset ends the hypervisor it does not end.</summary>
    Task BootsAgain { get; }

    /// <summary>Resets the guest. Null where that cannot be done.</summary>
    Func<Task>? Reset { get; }

    /// <summary>From now on a reset is the end of the hypervisor: what the guest is in the middle of cannot be begun again.</summary>
    Task EndAtResetAsync();

    /// <summary>Ends with the next error of a disk. Where the hypervisor tells the guest alone it does not end.</summary>
    Task<DiskError> DiskError { get; }

    /// <summary>Lets a guest go on that an error of a disk has stopped.</summary>
    Task ContinueAsync();

    /// <summary>Asks the guest to use only so many mebibytes of its memory. Null where that is not asked for here: there is no balloon, or
    /// the hypervisor's own API has it.</summary>
    Func<long, Task>? SetMemory { get; }

    /// <summary>What the guest looks for to find a disk: a serial number, or a device's path.</summary>
    /// <param name="serial">as it was in the settings</param>
    string DiskName(string serial);

    /// <summary>What its errors come to, for the end of a sentence.</summary>
    /// <param name="lines">the last lines of <see cref="Errors"/>, without control characters</param>
    string Explain(string lines);

    /// <summary>Ends the hypervisor at once; what the guest has not flushed is lost.</summary>
    void Kill();
}
