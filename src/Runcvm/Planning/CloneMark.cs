using System.Text;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;

namespace Runcvm.Planning;

/// <summary>Whether a scratch disk that was copied from a template or a checkpoint has seen its machine run. Until then
/// it is the template's, and a start that came to nothing begins with another copy, or with the disk that the container
/// had before it was restored; from then on it is the container's own, and the machine boots from it as after any
/// restart. Where nobody knows, because the host has booted since, it is the container's: what may have been written is
/// never thrown away.</summary>
internal static class CloneMark
{
    private const string Extension = ".template";

    // Not in the machine's own folder: this is settled when that is gone already, after a crash.
    private const string Root = MachineFolder.Root + "/.clone-marks";

    // random(4): another one after each boot of the host. What settles a mark lies in memory, and goes with a boot.
    private const string ThisBoot = "/proc/sys/kernel/random/boot_id";

    /// <summary>Whether nothing has run on the disk yet.</summary>
    internal static bool IsSet(string scratch)
        => File.Exists(FileOf(scratch)) && File.ReadAllText(FileOf(scratch)) == File.ReadAllText(ThisBoot);

    /// <summary>Marks a disk that is about to be made.</summary>
    internal static void Set(MachineFolder folder, string scratch)
    {
        File.WriteAllText(FileOf(scratch), File.ReadAllText(ThisBoot));
        Node.MakeDirectory(Root, Permission.OwnersFolder);
        File.WriteAllBytes(Note(folder), Encoding.UTF8.GetBytes(FileOf(scratch)));
    }

    /// <summary>The machine has ended: where it ran, its disk is its own.</summary>
    internal static void Settle(MachineFolder folder)
    {
        string note = Note(folder);
        if (!File.Exists(note)) return;
        string file = File.ReadAllText(note);
        // A container that goes takes its disk with it, and the mark.
        if (FileStatus.TryOf(folder.Started) != null && Directory.Exists(Path.GetDirectoryName(file)))
        {
            File.Delete(file);
            File.Delete(AsideOf(file[..^Extension.Length]));
        }

        File.Delete(note);
    }

    /// <summary>Makes room for a disk that is restored in place of the container's own.</summary>
    internal static void PutAside(string scratch)
    {
        if (File.Exists(scratch)) File.Move(scratch, AsideOf(scratch), overwrite: true);
    }

    /// <summary>A machine is about to be made: where the one before was to be restored and never ran, the container has
    /// the disk again that it had, or none.</summary>
    /// <param name="scratch">the container's disk</param>
    /// <param name="isTemplates">a disk on which nothing ran would be a template's</param>
    internal static void TakeBack(string scratch, bool isTemplates)
    {
        string aside = AsideOf(scratch);
        bool hasRun = File.Exists(scratch) && !IsSet(scratch);
        if (hasRun)
        {
            File.Delete(aside);
        }
        else if (File.Exists(aside))
        {
            File.Move(aside, scratch, overwrite: true);
            File.Delete(FileOf(scratch));
        }
        else if (!isTemplates && IsSet(scratch))
        {
            File.Delete(scratch);
            File.Delete(FileOf(scratch));
        }
    }

    private static string FileOf(string scratch) => scratch + Extension;

    private static string AsideOf(string scratch) => scratch + ".before";

    private static string Note(MachineFolder folder) => Path.Combine(Root, folder.Key);
}
