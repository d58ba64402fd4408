using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Planning;

/// <summary>The template from whose moment a machine goes on. Nothing takes its place: what does not fit is
/// refused.</summary>
internal sealed class TemplateChoice
{
    private readonly Template _template;
    private readonly TemplateStore _store;

    private TemplateChoice(Template template, TemplateStore store)
    {
        _template = template;
        _store = store;
    }

    internal string Name => _template.Name;

    internal TemplateRecord Record => _template.Record;

    /// <summary>Memory and devices, open for reading.</summary>
    internal SafeFileHandle Memory => _template.Memory;

    /// <summary>The one that the options name; null where they name none, and for a machine that has a disk of its own,
    /// from which it boots as after any restart.</summary>
    internal static TemplateChoice? Of(
        MachineOptions options, HostConfig config, TemplateStore store, LayerChain chain, MachineFolder folder)
    {
        if (options.Template is not { } name) return null;
        string scratch = ScratchDisk.PathOf(chain, folder.Key);
        if (File.Exists(scratch) && !CloneMark.IsSet(scratch)) return null;
        if (!config.Templates.Contains(name))
        {
            throw new UsageException($"containers may not use template {name}, which carries its creator's data; list "
                + $"\"{name}\" under templates in {HostConfig.File} to let them");
        }

        if (options.Hypervisor != Hypervisor.Qemu || options.Hardware.UseKvm)
            throw new UsageException("RUNCVM_TEMPLATE: only QEMU without KVM has templates in this version");
        if (options.RootIsShare)
            throw new UsageException("RUNCVM_TEMPLATE: templates have their roots on disks; leave RUNCVM_ROOTFS out");
        return new TemplateChoice(store.Open(name), store);
    }

    /// <summary>The root image that the template's machine had: its guest knows where in it each file is.</summary>
    internal string Root(LayerChain chain, MachineFolder folder)
    {
        File.WriteAllText(folder.RootImage, chain.Key);
        return _store.RootOf(Name);
    }

    /// <summary>A copy of the template's disk. A start before this one that came to nothing had another one.</summary>
    internal ScratchDisk Scratch(LayerChain chain, MachineFolder folder, long size)
    {
        if ((ulong)size != Record.DiskBytes)
        {
            throw new UsageException($"template {Name} has a disk of {Record.DiskBytes} bytes, and this machine would "
                + $"have one of {size} (RUNCVM_ROOTFS_SIZE)");
        }

        string path = ScratchDisk.PathOf(chain, folder.Key);
        File.Delete(path);
        Node.MakeDirectory(Path.GetDirectoryName(path)!, Permission.OwnersFolder);
        CloneMark.Set(folder, path);
        using SafeFileHandle disk = _template.Disk;
        return ScratchDisk.Ensure(chain, folder.Key, size, content: disk);
    }

    /// <summary>Refuses a machine that cannot go on from it.</summary>
    internal void Check(PlannedMachine machine, MachineFolder folder, Timeline timeline)
    {
        if (machine.Systems.Shares.Count > 0 || machine.Systems.Sockets.Count > 0 || machine.Options.Disks.Count > 0)
        {
            throw new UsageException($"template {Name} has no volumes, and under this QEMU none can be added: "
                + "leave them out");
        }

        if (machine.SharesAddresses)
            throw new UsageException($"template {Name} needs a network of the container's own");
        string image = Encoding.UTF8.GetString(MachineFolder.TryRead(folder.RootImage) ?? []);
        IReadOnlyList<KeyValuePair<string, string>> traits = TemplateTraits.Of(
            machine.Description(), machine.Setup(), machine.Workload, image, machine.Record(timeline));
        if (TemplateTraits.Difference(Record.Traits, traits) is { } difference)
            throw new UsageException($"template {Name} does not fit: {difference}");
    }
}
