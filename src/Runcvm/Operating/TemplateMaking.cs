using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.WarmStarts;

namespace Runcvm.Operating;

/// <summary>Makes a template of a machine that runs, and that goes on afterwards.</summary>
internal sealed class TemplateMaking(TemplateStore store)
{
    // Devices take some 60 KiB; the machine stands still, so that no page is written twice.
    private const long MostBesideMemory = 64L << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    internal TemplateRecord Make(string name, KnownMachine machine)
    {
        Check(machine);
        using LockFile @lock = store.Lock();
        if (store.Has(name)) throw new UsageException($"there is a template {name}; remove it first");
        store.Begin();
        try
        {
            MachineRecord known = machine.Record ?? throw NotOfThisVersion(machine);
            string image = Encoding.UTF8.GetString(MachineFolder.TryRead(machine.Folder.RootImage) ?? []);
            LinkRoot(DiskOf(known, MachineDisk.Root));
            string disk = Path.Combine(store.WorkFolder, TemplateStore.Disk);
            string memory = Path.Combine(store.WorkFolder, TemplateStore.Memory);
            MachineSaved saved;
            using (FileStream output = File.Create(memory))
                saved = Save(machine, output, () => CopyDisk(DiskOf(known, MachineDisk.Scratch), disk));
            var record = new TemplateRecord
            {
                Image = machine.Image,
                Machine = machine.Name == "-" ? machine.ShortId : machine.Name,
                Created = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                MemoryBytes = (ulong)new FileInfo(memory).Length,
                DiskBytes = (ulong)new FileInfo(disk).Length,
                Cards = saved.Cards,
                ArePlacesLast = !saved.IsPlacedFirst,
                Traits = TemplateTraits.Of(machine.Description, Read<Setup>(machine, machine.Folder.Setup),
                    Read<ProcessSpec>(machine, machine.Folder.Process), image, known),
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
        MachineDescription description = machine.Description;
        string refusal = machine.ProcessId == null ? "it does not run"
            : description.Kind != Options.Hypervisor.Qemu || description.Hardware.UseKvm
                ? "only machines of QEMU without KVM can be one in this version"
            : description.IsPod ? "it is a pod's"
            : description.IsClone ? "it goes on from a template itself; restart it first"
            : description.Shares.Count > 0
                ? "QEMU cannot save a machine with shared files; it needs RUNCVM_ROOTFS=block and no volumes"
            : description.Sockets.Count > 0 ? "it has sockets of the host"
            : description.SharesAddresses ? "it shares its network with others"
            : description.Disks.Any(static disk => disk.Inode != 0) ? "it has disks in backing files (RUNCVM_DISKS)"
            : description.Disks.Any(static disk => disk.Serial == MachineDisk.Layer)
                ? "files were put into it while it was stopped; restart it first" : "";
        if (refusal.Length > 0)
            throw new UsageException($"machine {machine.ShortId} cannot become a template: {refusal}");
    }

    private void LinkRoot(string image)
    {
        string own = Path.Combine(store.WorkFolder, TemplateStore.RootImage);
        if (!Node.TryLink(image, own)) CopyDisk(image, own);
    }

    private static void CopyDisk(string path, string copy)
    {
        using SafeFileHandle from = FileDescriptor.Open(path, OpenFlags.ReadOnly | OpenFlags.NoFollow);
        if (FileStatus.Of(from).Kind != FileKind.Regular) throw new UsageException($"{path} is no file");
        const OpenFlags New = OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive;
        using SafeFileHandle to = FileDescriptor.Open(copy, New, Permission.OwnersFile);
        SparseCopy.Copy(from, to);
    }

    private static MachineSaved Save(KnownMachine machine, FileStream output, Action whileItStands)
    {
        using var loop = new EventLoop();
        return loop.Run(async () =>
        {
            try
            {
                return await SaveAsync(loop, machine, output, whileItStands);
            }
            catch (Exception e) when (e is WireFormatException or LinuxException)
            {
                throw new UsageException($"machine {machine.ShortId} could not be saved: {e.Message}", e);
            }
        });
    }

    private static async Task<MachineSaved> SaveAsync(
        EventLoop loop, KnownMachine machine, FileStream output, Action whileItStands)
    {
        using var connection = new AsyncFile(loop, machine.Folder.Connect());
        (SafeFileHandle ours, SafeFileHandle theirs) = FileDescriptor.Pipe();
        using var pipe = AsyncFile.NonBlocking(loop, ours);
        using (theirs)
            UnixSocket.SendWithFiles(connection.Handle, MessageReader.Frame(new SaveMachine()), [theirs]);
        var messages = new MessageReader(connection.ReadAsync, MessageReader.SmallLength);
        long most = machine.Description.Hardware.MemoryBytes + MostBesideMemory;
        Task copying = MachineSaver.CopyAsync(pipe, output, most);
        Task<ReceivedMessage?> answer = messages.ReadAsync().AsTask();
        using var over = new CancellationTokenSource();
        Task late = loop.DelayAsync(Patience, over.Token);
        if (await Task.WhenAny(copying, answer, late) == copying) await copying;
        await InTimeAsync(answer, late);
        MachineSaved saved = (await answer ?? throw new WireFormatException("nobody answers")).Read<MachineSaved>();
        if (saved.Failure.Length > 0)
            throw new WireFormatException(TextRing.Printable(saved.Failure));
        await InTimeAsync(copying, late);
        over.Cancel();
        // It stands still as long as the connection is there. The supervisor says nothing more on it: what can be read
        // is the machine's end, and then another one may have written to the disk meanwhile.
        whileItStands();
        if (FileDescriptor.TryRead(connection.Handle, new byte[1]) >= 0)
            throw new WireFormatException("it ended while its disk was copied");
        return saved;
    }

    private static async Task InTimeAsync(Task task, Task late)
    {
        if (await Task.WhenAny(task, late) == late)
            throw new WireFormatException($"it took longer than {Patience.TotalMinutes} minutes");
        await task;
    }

    private static string DiskOf(MachineRecord record, string serial)
        => record.Disks.FirstOrDefault(disk => disk.Key == serial).Value
            ?? throw new UsageException($"it is not known where the machine's disk {serial} is");

    private static T Read<T>(KnownMachine machine, string path)
        where T : IWireValue<T>
    {
        try
        {
            return WireBytes.Read<T>(MachineFolder.TryRead(path) ?? throw new WireFormatException("it is not there"));
        }
        catch (WireFormatException)
        {
            throw NotOfThisVersion(machine);
        }
    }

    private static UsageException NotOfThisVersion(KnownMachine machine)
        => new($"machine {machine.ShortId} was started by another version of RunCVM; start it again");
}
