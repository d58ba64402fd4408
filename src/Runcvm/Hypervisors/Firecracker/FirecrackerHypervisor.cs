using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>Firecracker: one static program, which opens everything by name.</summary>
internal sealed class FirecrackerHypervisor : IHypervisor, IMovesBalloon
{
    // As the sandbox's compartment sees it.
    private const string Program = "/boot/firecracker";

    // Firecracker's arch/x86_64/layout.rs: interrupts 5 to 23, of which new versions give one to the generation counter
    // and one to the clock.
    private const int OfX64 = 17;
    private const int OfArm64 = 94;

    private static readonly string[] PlacesOfDouble = ["/lib", "/lib64", "/usr"];

    public Hypervisor Choice => Hypervisor.Firecracker;

    public string Word => "firecracker";

    public string Name => "Firecracker";

    public bool OpensByName => true;

    // It takes the keyboard controller's reset line for a proper end.
    public string ResetArgument => "reboot=k";

    public int Places(Architecture architecture) => architecture == Architecture.Arm64 ? OfArm64 : OfX64;

    // Without KVM it is the test double, which runs QEMU.
    public SystemCallList Calls(bool useKvm) => useKvm ? FirecrackerCalls.List : FirecrackerCalls.OfTheDouble;

    public LandlockRules Files(string program, bool useKvm)
        => useKvm ? HypervisorRules.OfFirecracker(program) : HypervisorRules.OfTheDouble(program);

    public HypervisorProgram Find(MachineOptions options, HostFacts host)
    {
        FirecrackerProgram found = host.Firecracker!;
        Version version = FirecrackerVersion.Check(found.Path);
        if (options.Hardware.HugePages) FirecrackerVersion.CheckHugePages(version, options.Hardware.Balloon);
        // Its releases are one static file. The test double is several programs, which lie anywhere below /usr.
        return new HypervisorProgram(this, found.Path, Program, version, found.IsTestDouble ? PlacesOfDouble : []);
    }

    public IMachine Start(EventLoop loop, MachineSettings settings, UserThread user)
        => FirecrackerMachine.Start(loop, settings, user);

    public void SetBalloon(MachineFolder folder, long mebibytes)
    {
        try
        {
            using SafeFileHandle api =
                folder.OpenHypervisorSocket(Path.GetFileName(new FirecrackerFiles(folder.Hypervisor).Api));
            new FirecrackerApi(FileDescriptor.PathOf(api)).SetBalloon(mebibytes);
        }
        catch (LinuxException e)
        {
            throw new UsageException($"Firecracker cannot be asked: {e.Message}", e);
        }
    }
}
