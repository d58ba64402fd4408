using System.Runtime.InteropServices;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>QEMU: the host's own program with its libraries and firmware, which gets every file open.</summary>
internal sealed class QemuHypervisor : IHypervisor
{
    internal const string Id = "qemu";

    /// <summary>A triple fault ends it, which no device has to understand.</summary>
    internal const string Reset = "reboot=t";

    // hw/i386/microvm.c and hw/arm/virt.c of QEMU: places for virtio devices.
    private const int Microvm = 24;
    private const int Virt = 32;

    public Hypervisor Choice => Hypervisor.Qemu;

    public string Word => Id;

    public string Name => "QEMU";

    public bool OpensByName => false;

    public string ResetArgument => Reset;

    public int Places(Architecture architecture) => architecture == Architecture.Arm64 ? Virt : Microvm;

    public SystemCallList Calls(bool useKvm) => QemuCalls.List(emulates: !useKvm);

    public LandlockRules Files(string program, bool useKvm) => HypervisorRules.OfQemu(program);

    public HypervisorProgram Find(MachineOptions options, HostFacts host)
    {
        string program = host.QemuPath!;
        // The version matters to a processor that is emulated.
        Version version = options.Hardware.UseKvm ? new Version(0, 0) : QemuVersion.Of(program);
        return new HypervisorProgram(this, program, program, version, HypervisorTree.FilesOfQemu(program));
    }

    public IMachine Start(EventLoop loop, MachineSettings settings, UserThread user)
        => QemuMachine.Start(loop, settings, user);
}
