using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Operating;

/// <summary>Makes a template of a machine that runs, and that goes on afterwards.</summary>
internal sealed class TemplateMaking(TemplateStore store)
{
    internal TemplateRecord Make(string name, KnownMachine machine)
    {
        Check(machine);
        using LockFile @lock = store.Lock();
        if (store.Has(name)) throw new UsageException($"there is a template {name}; remove it first");
        store.Begin();
        try
        {
            var capture = new MachineCapture(machine.Folder, machine.Description, machine.ShortId);
            LinkRoot(capture.DiskOf(MachineDisk.Root));
            string disk = Path.Combine(store.WorkFolder, TemplateStore.Disk);
            string memory = Path.Combine(store.WorkFolder, TemplateStore.Memory);
            MachineSaved? saved = null;
            using (FileStream output = File.Create(memory))
            {
                capture.Save(output, answer =>
                {
                    saved = answer;
                    CopyDisk(capture.DiskOf(MachineDisk.Scratch), disk);
                });
            }

            var record = new TemplateRecord
            {
                Image = machine.Image,
                Machine = machine.Name == "-" ? machine.ShortId : machine.Name,
                Created = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                MemoryBytes = (ulong)new FileInfo(memory).Length,
                DiskBytes = (ulong)new FileInfo(disk).Length,
                Cards = saved!.Cards,
                ArePlacesLast = !saved.IsPlacedFirst,
                Traits = capture.Traits,
            };
            store.Publish(name, record);
            return record;
        }
        finally
        {
            store.RemoveUnfinished();
        }
    }

    private static void Check(KnownMachine machine)
    {
        string? refusal = machine.ProcessId == null ? "it does not run"
            : machine.Description.IsClone ? "it goes on from another machine's moment itself; restart it first"
            : MachineCapture.Refusal(machine.Description);
        if (refusal != null)
            throw new UsageException($"machine {machine.ShortId} cannot become a template: {refusal}");
    }

    private void LinkRoot(string image)
    {
        string own = Path.Combine(store.WorkFolder, TemplateStore.RootImage);
        if (!Node.TryLink(image, own)) CopyDisk(image, own);
    }

    private static void CopyDisk(string path, string copy)
    {
        using SafeFileHandle from = MachineCapture.Open(path);
        const OpenFlags New = OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive;
        using SafeFileHandle to = FileDescriptor.Open(copy, New, Permission.OwnersFile);
        SparseCopy.Copy(from, to);
    }
}
