using System.Text;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;

namespace Runcvm.Planning;

/// <summary>Whether a scratch disk that was copied from a template has seen its machine run. Until then it is the
/// template's, and a start that came to nothing begins with another copy; from then on it is the container's own, and
/// the machine boots from it as after any restart. Where nobody knows, because the host has booted since, it is the
/// container's: what may have been written is never thrown away.</summary>
internal static class CloneMark
{
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
            File.Delete(file);
        File.Delete(note);
    }

    private static string FileOf(string scratch) => scratch + ".template";

    private static string Note(MachineFolder folder) => Path.Combine(Root, folder.Key);
}
