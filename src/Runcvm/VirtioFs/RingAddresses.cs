namespace Runcvm.VirtioFs;

/// <summary>Where the three parts of a ring lie, as the hypervisor names them.</summary>
internal readonly record struct RingAddresses(ulong Descriptors, ulong Used, ulong Available);
