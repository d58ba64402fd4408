using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;

namespace Runcvm.Machines;

/// <summary>A virtual machine that was started. Above this interface no code knows which hypervisor runs it; what one of
/// them cannot do is an interface of its own.</summary>
internal interface IMachine : IDisposable
{
    /// <summary>The byte stream to the guest, as soon as there is one. Not before the guest has booted, where it has to dial.</summary>
    Task<AsyncFile> Stream { get; }

    /// <summary>The stream of the shares, in blocking mode, as soon as there is one. Null for a machine without shares.</summary>
    Task<SafeFileHandle>? Shares { get; }

    /// <summary>What the guest's kernel writes to its console.</summary>
    AsyncFile Console { get; }

    /// <summary>What the hypervisor itself writes to its standard error and its log.</summary>
    AsyncFile Errors { get; }

    /// <summary>"QEMU" or "Firecracker", for messages.</summary>
    string Name { get; }

    /// <summary>Ends with the hypervisor.</summary>
    Task<ExitStatus> Exited { get; }

    /// <summary>What the guest looks for to find a disk: a serial number, or a device's path.</summary>
    /// <param name="serial">as it was in the settings</param>
    string DiskName(string serial);

    /// <summary>What its errors come to, for the end of a sentence.</summary>
    /// <param name="lines">the last lines of <see cref="Errors"/>, without control characters</param>
    string Explain(string lines);

    /// <summary>Ends the hypervisor at once; what the guest has not flushed is lost.</summary>
    void Kill();
}
