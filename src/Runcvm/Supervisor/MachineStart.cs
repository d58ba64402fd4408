using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Network;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>From what `create` decided to a hypervisor that runs, and to what the guest is told first.</summary>
internal static class MachineStart
{
    // Services of a machine on a network of its own are looked for here by containers that joined it and nobody else.
    private const uint SeldomPorts = 1000;
    private const uint SoonPorts = 200;

    /// <param name="loop">runs it</param>
    /// <param name="description">what `create` decided</param>
    /// <param name="network">whose taps it gets</param>
    /// <param name="hypervisor">the compartment in which the hypervisor runs</param>
    /// <param name="saved">what it goes on from, whose file is closed; or null</param>
    /// <param name="warm">chooses the machine, where it goes on from another</param>
    /// <returns>null where there is a choice</returns>
    internal static IMachine? Start(EventLoop loop, MachineDescription description, SandboxNetwork network,
        UserThread hypervisor, SavedStart? saved, out WarmBoot? warm)
    {
        warm = null;
        MachineSettings settings = Settings(description, network);
        IHypervisor kind = KnownHypervisors.Of(description.Kind);
        DeviceLimit.Check(kind.Name, kind.Places(settings.Architecture), settings.Hardware.Balloon,
            settings.Disks.Count, settings.Cards.Count);
        // A tap that is opened by name has one file at a time. Else the hypervisor has its own copies once it was
        // started.
        if (kind.OpensByName) network.CloseTaps();
        // Closed before a byte of a guest is read: whoever holds it here could change its permissions.
        using SafeFileHandle? file = saved?.File;
        if (description.IsClone) settings = OfClone(settings, description, file!);
        else warm = saved == null ? null : WarmBoot.TryStart(loop, settings, description, hypervisor, saved);
        IMachine? machine = warm != null ? null : kind.Start(loop, settings, hypervisor);
        if (!kind.OpensByName) network.CloseTaps();
        return machine;
    }

    private static MachineSettings OfClone(
        MachineSettings settings, MachineDescription description, SafeFileHandle saved)
        => settings.Cards.Count == description.MomentCards
            ? settings with { Saved = saved, IsClone = true, ArePlacesLast = description.ArePlacesLast }
            : throw new UsageException(
                $"{description.Moment} has {description.MomentCards} network cards, and this machine would have "
                + $"{settings.Cards.Count}: give it as many networks");

    /// <summary>The set-up with all that is known only now.</summary>
    internal static Setup Setup(IMachine machine, SandboxNetwork network, bool guardsNames)
    {
        var setup = WireBytes.Read<Setup>(File.ReadAllBytes(MachineFolder.InSandbox.Setup));
        return ProvidedFiles.Fill(setup, guardsNames) with
        {
            Clock = Linux.Machine.Clock,
            Entropy = HostEntropy(),
            Interfaces = [.. network.Interfaces.Select(static item => item.Description)],
            SpareCards = [.. network.Spares.Select(static card => card.HardwareAddress)],
            // Dozens of small files, which take no time while the guest boots.
            NetworkSysctls = NamespaceSysctls.Read([.. network.Interfaces.Select(static item => item.Description.Name)]),
            PortsInterval = network.Shared == null ? SeldomPorts : SoonPorts,
            RootDisk = setup.RootDisk == null ? null : machine.DiskName(setup.RootDisk),
            ScratchDisk = machine.DiskName(setup.ScratchDisk),
            ModulesDisk = setup.ModulesDisk == null ? null : machine.DiskName(setup.ModulesDisk),
            Mounts = [.. setup.Mounts.Select(mount => mount.IsDisk ? mount with { Source = machine.DiskName(mount.Source) } : mount)],
            LayerDisk = setup.LayerDisk == null ? null : machine.DiskName(setup.LayerDisk),
        };
    }

    private static byte[] HostEntropy()
    {
        byte[] seed = new byte[64];
        using SafeFileHandle random = FileDescriptor.Open("/dev/urandom", OpenFlags.ReadOnly);
        _ = FileDescriptor.TryRead(random, seed);
        return seed;
    }

    private static MachineSettings Settings(MachineDescription description, SandboxNetwork network) => new()
    {
        Program = SandboxSpec.Program,
        Before = ConfineVmmVerb.Arguments(description),
        Version = description.HypervisorVersion,
        Architecture = description.Architecture,
        Hardware = description.Hardware,
        Vmlinux = HypervisorTree.Vmlinux,
        Initramfs = HypervisorTree.Initramfs,
        KernelCommandLine = description.KernelCommandLine,
        HasShares = description.Shares.Count > 0,
        Disks = [.. description.Disks.Select(static disk => new MachineSettings.Disk(disk.Serial, disk.Path, disk.ReadOnly))],
        Cards =
        [
            .. network.Interfaces.Select(static item => (item.Tap, item.Description.HardwareAddress)).Concat(network.Spares)
                .Select(static (card, i) => new MachineSettings.NetworkCard(card.Tap, SandboxNetwork.TapName(i), card.HardwareAddress)),
        ],
        Tree = HypervisorTree.Root,
        Folder = HypervisorTree.Folder,
    };
}
