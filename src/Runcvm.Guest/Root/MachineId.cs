using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Paths;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Root;

/// <summary>/etc/machine-id: an image that leaves it empty wants one for each machine, machine-id(5).</summary>
internal static class MachineId
{
    private const string Path = "/etc/machine-id";

    /// <summary>Fills it in where it is an empty file. It stays with the machine's disk.</summary>
    internal static void Provide(GuestRoot root)
    {
        using SafeFileHandle? found = root.TryFind(Path);
        if (found == null) return;
        string file = FileDescriptor.PathOf(found);
        if (FileStatus.TryOf(file, followLinks: true) is not { Kind: FileKind.Regular, Size: 0 }) return;
        using SafeFileHandle id = FileDescriptor.Open(file, OpenFlags.WriteOnly);
        FileDescriptor.WriteAll(id, Encoding.ASCII.GetBytes($"{Guid.NewGuid():N}\n"));
    }
}
