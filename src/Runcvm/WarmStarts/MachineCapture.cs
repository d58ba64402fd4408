using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.WarmStarts;

/// <summary>Has a machine that runs written to a file by its hypervisor, through a pipe that is bounded, while whoever
/// asks copies its disk. For that time it stands still.</summary>
/// <param name="folder">its state</param>
/// <param name="description">what `create` decided</param>
/// <param name="name">by which messages call it</param>
internal sealed class MachineCapture(MachineFolder folder, MachineDescription description, string name)
{
    // Devices take some 60 KiB; the machine stands still, so that no page is written twice.
    private const long MostBesideMemory = 64L << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>What `create` knew of it.</summary>
    internal MachineRecord Known { get; } = ReadKnown(folder, name);

    /// <summary>The name of its root image.</summary>
    internal string Image => Encoding.UTF8.GetString(MachineFolder.TryRead(folder.RootImage) ?? []);

    /// <summary>What a machine must be to go on from this one.</summary>
    internal IReadOnlyList<KeyValuePair<string, string>> Traits => TemplateTraits.Of(
        description, Read<Setup>(folder.Setup), Read<ProcessSpec>(folder.Process), Image, Known);

    /// <summary>How many bytes the memory and the devices of such a machine take at most.</summary>
    internal static long MostBytes(long memory) => memory + MostBesideMemory;

    /// <summary>Why such a machine cannot be saved, as a clause; null where it can.</summary>
    internal static string? Refusal(MachineDescription description) =>
        description.Kind != Options.Hypervisor.Qemu || description.Hardware.UseKvm
            ? "only machines of QEMU without KVM can be saved in this version"
        : description.IsPod ? "it is a pod's"
        : description.Shares.Count > 0
            ? "QEMU cannot save a machine with shared files; it needs RUNCVM_ROOTFS=block and no volumes"
        : description.Sockets.Count > 0 ? "it has sockets of the host"
        : description.SharesAddresses ? "it shares its network with others"
        : description.Disks.Any(static disk => disk.Inode != 0) ? "it has disks in backing files (RUNCVM_DISKS)"
        : description.Disks.Any(static disk => disk.Serial == MachineDisk.Layer)
            ? "files were put into it while it was stopped; restart it first" : null;

    /// <summary>The file on the host of one of its disks.</summary>
    internal string DiskOf(string serial) => Known.Disks.FirstOrDefault(disk => disk.Key == serial).Value
        ?? throw new UsageException($"it is not known where the machine's disk {serial} is");

    /// <summary>Opens one of its disks.</summary>
    internal SafeFileHandle OpenDisk(string serial) => Open(DiskOf(serial));

    /// <summary>Opens what must be a file.</summary>
    internal static SafeFileHandle Open(string path)
    {
        SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadOnly | OpenFlags.NoFollow);
        if (FileStatus.Of(file).Kind == FileKind.Regular) return file;
        file.Dispose();
        throw new UsageException($"{path} is no file");
    }

    /// <summary>Saves it.</summary>
    /// <param name="output">gets memory and devices</param>
    /// <param name="whileItStands">is called when they are written</param>
    /// <param name="end">ends the machine, which never goes on then; or null</param>
    internal void Save(FileStream output, Action<MachineSaved> whileItStands, Action? end = null)
    {
        using var loop = new EventLoop();
        loop.Run(async () =>
        {
            try
            {
                await SaveAsync(loop, output, whileItStands, end);
                return 0;
            }
            catch (Exception e) when (e is WireFormatException or LinuxException)
            {
                throw new UsageException($"machine {name} could not be saved: {e.Message}", e);
            }
        });
    }

    private async Task SaveAsync(EventLoop loop, FileStream output, Action<MachineSaved> whileItStands, Action? end)
    {
        using var connection = new AsyncFile(loop, folder.Connect());
        (SafeFileHandle ours, SafeFileHandle theirs) = FileDescriptor.Pipe();
        using var pipe = AsyncFile.NonBlocking(loop, ours);
        using (theirs)
            UnixSocket.SendWithFiles(connection.Handle, MessageReader.Frame(new SaveMachine()), [theirs]);
        var messages = new MessageReader(connection.ReadAsync, MessageReader.SmallLength);
        Task copying = MachineSaver.CopyAsync(pipe, output, MostBytes(description.Hardware.MemoryBytes));
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
        whileItStands(saved);
        if (FileDescriptor.TryRead(connection.Handle, new byte[1]) >= 0)
            throw new WireFormatException("it ended while its disk was copied");
        if (end == null) return;
        end();
        using var ending = new CancellationTokenSource();
        await InTimeAsync(GoneAsync(connection), loop.DelayAsync(Patience, ending.Token));
        ending.Cancel();
    }

    private static async Task GoneAsync(AsyncFile connection)
    {
        try
        {
            await connection.ReadAsync(new byte[1]);
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNRESET)
        {
            // Its end, too.
        }
    }

    private static async Task InTimeAsync(Task task, Task late)
    {
        if (await Task.WhenAny(task, late) == late)
            throw new WireFormatException($"it took longer than {Patience.TotalMinutes} minutes");
        await task;
    }

    private T Read<T>(string path)
        where T : IWireValue<T>
    {
        try
        {
            return WireBytes.Read<T>(MachineFolder.TryRead(path) ?? throw new WireFormatException("it is not there"));
        }
        catch (WireFormatException e)
        {
            throw NotOfThisVersion(name, e);
        }
    }

    private static MachineRecord ReadKnown(MachineFolder folder, string name)
    {
        try
        {
            return folder.TryReadRecord() ?? throw new WireFormatException("it is not there");
        }
        catch (WireFormatException e)
        {
            throw NotOfThisVersion(name, e);
        }
    }

    private static UsageException NotOfThisVersion(string name, WireFormatException reason)
        => new($"machine {name} was started by another version of RunCVM; start it again", reason);
}
