namespace Runcvm.Options;

/// <summary>Which program runs the machine.</summary>
internal enum Hypervisor
{
    /// <summary>Decided from what the host has. Never the answer of <see cref="MachineOptions.Hypervisor"/>.</summary>
    Auto,
    Firecracker,
    Qemu,
}
