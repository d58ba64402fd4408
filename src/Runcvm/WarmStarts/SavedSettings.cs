using System.Runtime.InteropServices;
using Runcvm.Hypervisors;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.WarmStarts;

/// <summary>What a saved machine is made of, for those who make one and for those who look for one: from the same
/// options both come to the same.</summary>
/// <param name="Machine">as the hypervisor gets it; disks, cards and the like are those of each machine</param>
/// <param name="Files">on the host: hypervisor, kernel and initramfs</param>
internal sealed record SavedSettings(MachineSettings Machine, IReadOnlyList<string> Files)
{
    internal string Key => SavedMachineKey.Of(Machine, Files);

    /// <summary>What a machine of these options would be restored from, or null where such a one always
    /// boots.</summary>
    internal static SavedSettings? Of(
        MachineOptions options, HypervisorProgram program, InstalledFiles installed, Kernel kernel, string initramfs)
    {
        // Where the processor is real a boot takes a tenth of the time, and another host's would not fit. Memory that
        // was asked for in another way than the usual one is not the saved machine's.
        if (options.Hypervisor != Hypervisor.Qemu || options.Hardware.UseKvm || installed.Machine != Architecture.X64)
            return null;
        if (options.Hardware.HugePages || options.Hardware.PreallocateMemory) return null;
        string arguments = SavedMachineKey.IsForPrograms(options.KernelArguments) ? "" : options.KernelArguments;
        var settings = new MachineSettings
        {
            Program = SandboxSpec.Program,
            Version = program.Version,
            Architecture = installed.Machine,
            Hardware = new Hardware { Cpus = options.Hardware.Cpus, MemoryBytes = options.Hardware.MemoryBytes },
            Vmlinux = HypervisorTree.Vmlinux,
            Initramfs = HypervisorTree.Initramfs,
            KernelCommandLine = KernelCommandLine.Build(installed.Machine, QemuHypervisor.Reset, useKvm: false,
                HostClock.TimestampKilohertz(), options.KernelDebug, arguments),
            Disks = [],
            Cards = [],
        };
        return new SavedSettings(settings, [program.OnHost, kernel.VmlinuxPath, initramfs]);
    }
}
