using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Planning;

/// <summary>The moment of another machine, with what is in its memory and on its disk, from which a machine goes on.
/// Nothing takes its place: what does not fit is refused.</summary>
/// <param name="record">what is known of that machine</param>
/// <param name="memory">memory and devices, open for reading</param>
internal abstract class SavedMoment(TemplateRecord record, SafeFileHandle memory)
{
    /// <summary>As messages call it.</summary>
    internal abstract string Name { get; }

    internal TemplateRecord Record => record;

    /// <summary>Memory and devices, open for reading.</summary>
    internal SafeFileHandle Memory => memory;

    /// <summary>The root image that the other machine had: its guest knows where in it each file is.</summary>
    /// <param name="chain">of the container</param>
    /// <param name="folder">the machine's state, where the image's name is noted</param>
    /// <param name="ensure">gives the image that a machine of this container boots from</param>
    internal abstract string Root(LayerChain chain, MachineFolder folder, Func<string> ensure);

    /// <summary>A copy of the other machine's disk.</summary>
    internal ScratchDisk Scratch(LayerChain chain, MachineFolder folder, long size)
    {
        if ((ulong)size != record.DiskBytes)
        {
            throw new UsageException($"{Name} has a disk of {record.DiskBytes} bytes, and this machine would have "
                + $"one of {size} (RUNCVM_ROOTFS_SIZE)");
        }

        return CopyDisk(chain, folder, size);
    }

    protected abstract ScratchDisk CopyDisk(LayerChain chain, MachineFolder folder, long size);

    /// <summary>Refuses a machine of options with which none can go on.</summary>
    protected static void Check(MachineOptions options, string name)
    {
        if (options.Hypervisor != Hypervisor.Qemu || options.Hardware.UseKvm)
            throw new UsageException($"{name}: only machines of QEMU without KVM go on from others in this version");
        if (options.RootIsShare)
            throw new UsageException($"{name} has its root on disks; leave RUNCVM_ROOTFS out");
    }

    /// <summary>Refuses a machine that cannot go on from it.</summary>
    internal void Check(PlannedMachine machine, MachineFolder folder, Timeline timeline)
    {
        if (machine.Systems.Shares.Count > 0 || machine.Systems.Sockets.Count > 0 || machine.Options.Disks.Count > 0)
            throw new UsageException($"{Name} has no volumes, and under this QEMU none can be added: leave them out");
        if (machine.SharesAddresses) throw new UsageException($"{Name} needs a network of the container's own");
        if (record.MemoryBytes > (ulong)MachineCapture.MostBytes(machine.Options.Hardware.MemoryBytes))
            throw new UsageException($"{Name} has {record.MemoryBytes} bytes of memory, which no such machine has");
        string image = Encoding.UTF8.GetString(MachineFolder.TryRead(folder.RootImage) ?? []);
        IReadOnlyList<KeyValuePair<string, string>> traits = TemplateTraits.Of(
            machine.Description(), machine.Setup(), machine.Workload, image, machine.Record(timeline));
        if (TemplateTraits.Difference(record.Traits, traits) is { } difference)
            throw new UsageException($"{Name} does not fit: {difference}");
    }
}
