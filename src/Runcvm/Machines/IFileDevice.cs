using Microsoft.Win32.SafeHandles;

namespace Runcvm.Machines;

/// <summary>A machine whose shares can be a device; those of another one are a stream alone.</summary>
internal interface IFileDevice : IMachine
{
    /// <summary>The hypervisor's side of a virtio-fs device, by the vhost-user protocol; null for a machine that was
    /// made without.</summary>
    SafeFileHandle? FileDevice { get; }
}
