namespace Runcvm.Options;

/// <summary>Which program runs the machine. The first two numbers stand in the descriptions of machines.</summary>
internal enum Hypervisor
{
    Qemu,
    Firecracker,

    /// <summary>Decided from what the host has. Never the answer of <see cref="MachineOptions.Hypervisor"/>.</summary>
    Auto,
}
