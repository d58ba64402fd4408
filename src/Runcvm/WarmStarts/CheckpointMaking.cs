using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.WarmStarts;

/// <summary>Puts a machine that runs into a folder.</summary>
internal static class CheckpointMaking
{
    /// <param name="path">of the folder</param>
    /// <param name="folder">the machine's state</param>
    /// <param name="end">ends the machine once all is on the disk; null has it go on</param>
    internal static void Make(string path, MachineFolder folder, Action? end)
    {
        MachineDescription description = folder.ReadDescription();
        string? refusal = !folder.IsRunning ? "it does not run" : MachineCapture.Refusal(description)
            ?? (description.IsClone && !description.IsOfCheckpoint
                ? "it goes on from a template, whose root image is not its own; restart it first" : null);
        if (refusal != null) throw new UsageException($"machine {folder.Id} cannot be checkpointed: {refusal}");
        var machine = new MachineCapture(folder, description, folder.Id);
        using CheckpointFolder place = CheckpointFolder.At(path, isNew: true);
        try
        {
            using FileStream memory = place.Create(CheckpointFolder.Memory);
            machine.Save(memory, saved =>
            {
                memory.Flush(flushToDisk: true);
                place.Finish(Record(machine, saved, (ulong)memory.Length, place));
            }, end);
        }
        catch
        {
            place.GiveUp();
            throw;
        }
    }

    private static CheckpointRecord Record(
        MachineCapture machine, MachineSaved saved, ulong memoryBytes, CheckpointFolder place)
    {
        using SafeFileHandle disk = machine.OpenDisk(MachineDisk.Scratch);
        using FileStream packed = place.Create(CheckpointFolder.Disk);
        PackedDisk.Pack(disk, packed);
        packed.Flush(flushToDisk: true);
        var record = new TemplateRecord
        {
            Created = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            MemoryBytes = memoryBytes,
            DiskBytes = (ulong)RandomAccess.GetLength(disk),
            Cards = saved.Cards,
            ArePlacesLast = !saved.IsPlacedFirst,
            Traits = machine.Traits,
        };
        return new CheckpointRecord(
            record, ErofsImage.IdentityOf(machine.DiskOf(MachineDisk.Root)), (ulong)packed.Length);
    }
}
