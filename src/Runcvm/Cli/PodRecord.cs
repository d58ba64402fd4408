using System.Text;
using Runcvm.Linux.Files;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>Which pod a container is of: a file of the host's alone, beside the machines' folders, from `create` to
/// `delete`.</summary>
internal static class PodRecord
{
    private const string Folder = MachineFolder.Root + "/.pods";

    /// <summary>The pod's machine; null where the container is of none of ours.</summary>
    internal static MachineFolder? PodOf(CommandLine command, HostConfig config, string id)
    {
        string path = PathOf(OwnMachine.FolderOf(command, config, id).Key);
        return MachineFolder.TryRead(path) is { } key ? MachineFolder.OfKey(Encoding.UTF8.GetString(key)) : null;
    }

    internal static void Write(string container, string pod)
    {
        Node.MakeDirectory(MachineFolder.Root, Permission.OwnersFolder);
        Node.MakeDirectory(Folder, Permission.OwnersFolder);
        MachineFolder.WriteSecret(PathOf(container), Encoding.UTF8.GetBytes(pod));
    }

    internal static void Remove(string container) => File.Delete(PathOf(container));

    private static string PathOf(string container) => Path.Combine(Folder, container);
}
