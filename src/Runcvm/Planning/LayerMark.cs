using System.Text;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;

namespace Runcvm.Planning;

/// <summary>How far a scratch disk has what was put into its container from outside. `create` only hands that to the guest: it counts
/// when the guest says that it has it, and is handed over again when a start came to nothing.</summary>
internal static class LayerMark
{
    // Not in the machine's own folder: this is settled when that is gone already, after a crash.
    private const string Root = MachineFolder.Root + "/.layer-marks";

    /// <summary>The mark of a scratch disk, or null where it has none yet.</summary>
    internal static long? Read(string scratch)
        => File.Exists(FileOf(scratch)) ? BitConverter.ToInt64(File.ReadAllBytes(FileOf(scratch))) : null;

    /// <summary>Remembers a mark until it is known whether the guest came so far.</summary>
    internal static void Propose(MachineFolder folder, string scratch, long mark)
    {
        Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllBytes(Proposal(folder), [.. BitConverter.GetBytes(mark), .. Encoding.UTF8.GetBytes(FileOf(scratch))]);
    }

    /// <summary>The machine has ended: its proposal becomes the mark, or is forgotten.</summary>
    internal static void Settle(MachineFolder folder)
    {
        string proposal = Proposal(folder);
        if (!File.Exists(proposal)) return;
        byte[] content = File.ReadAllBytes(proposal);
        string file = Encoding.UTF8.GetString(content, sizeof(long), content.Length - sizeof(long));
        // A container that goes takes its disk with it, and the mark.
        if (FileStatus.TryOf(folder.Started) != null && Directory.Exists(Path.GetDirectoryName(file)))
            File.WriteAllBytes(file, content[..sizeof(long)]);
        File.Delete(proposal);
    }

    // Beside the disk, so that the two live and die together.
    private static string FileOf(string scratch) => scratch + ".applied";

    private static string Proposal(MachineFolder folder) => Path.Combine(Root, folder.Key);
}
