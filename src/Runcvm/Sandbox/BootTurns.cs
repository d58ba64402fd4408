using System.Globalization;
using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>The host's places for machines that boot without KVM, one for each of its processors: files that a supervisor locks. A kernel
/// that boots measures its timer against the host's clock. Where many more processors are emulated than there are, it is held up in
/// the middle, measures badly, and has a timer that is slow, or none, for as long as the machine lives. Machines that take turns
/// are all up as early as those that do not.</summary>
internal static class BootTurns
{
    /// <summary>On the host: beside the folders of the machines, whose names are any.</summary>
    internal const string Folder = "/run/runcvm-boots";

    /// <summary>The same folder as the sandbox sees it, which cannot write to it.</summary>
    internal const string InSandbox = "/run/boots";

    /// <summary>Makes what is missing.</summary>
    internal static void Ensure(string folder = Folder)
    {
        int count = Environment.ProcessorCount;
        if (File.Exists(FileOf(folder, count - 1))) return;
        Node.MakeDirectory(folder);
        for (int i = 0; i < count; i++)
        {
            // Readable to a sandbox whose root is another user, and to be locked by whoever can read it.
            FileDescriptor.Open(FileOf(folder, i), OpenFlags.ReadOnly | OpenFlags.Create, 0x124).Dispose();
        }
    }

    private static string FileOf(string folder, int number) => Path.Combine(folder, number.ToString(CultureInfo.InvariantCulture));
}
