using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>A bind mount or volume that the machine gets from the host.</summary>
/// <param name="Source">on the host</param>
/// <param name="IsFile">a single file; else a folder</param>
/// <param name="ReadOnly">the machine cannot change it</param>
/// <param name="Options">recursion, as the engine asked for it: `bind` or `rbind`</param>
internal sealed record Share(string Source, bool IsFile, bool ReadOnly, string Options)
{
    // By this file systemd and others know that they are in one of Docker's containers, and do not what they do in a machine.
    private const string MarkOfContainers = ".dockerenv";

    /// <summary>Name of an entry at the top that the guest does not see.</summary>
    internal string Hidden { get; private init; } = "";

    /// <summary>The container's own root.</summary>
    internal static Share OfRoot(string path) => new(path, IsFile: false, ReadOnly: false, "rbind") { Hidden = MarkOfContainers };

    /// <summary>An empty folder, where the device of the shares is there for those that come later.</summary>
    internal static Share OfNothing(string path) => new(path, IsFile: false, ReadOnly: true, "bind");

    /// <summary>The folder of the sandbox that has them all.</summary>
    internal const string Folder = "/run/runcvm-mounts";

    /// <summary>Where the sandbox has the share with this index.</summary>
    internal static string InSandbox(int index) => $"{Folder}/{index}";

    /// <summary>What lies at the source, if it can be shared.</summary>
    internal static Share From(string source, string target, string[] options)
    {
        FileStatus status = Look(source, target);
        bool isFile = status.Kind switch
        {
            FileKind.Directory => false,
            FileKind.Regular => true,
            FileKind.Socket => throw new UsageException(
                $"{source} is a socket, and two kernels cannot share one; leave out the mount at {target}, or have it forwarded to the host's with RUNCVM_SHARE_SOCKETS=1"),
            _ => throw new UsageException($"{source} is a device or a named pipe of the host, which cannot be shared with a machine at {target}; leave it out"),
        };
        bool readOnly = options.Any(static option => option is "ro" or "rro");
        return new Share(source, isFile, readOnly, Array.IndexOf(options, "bind") >= 0 ? "bind" : "rbind");
    }

    private static FileStatus Look(string source, string target)
    {
        try
        {
            return FileStatus.TryOf(source, followLinks: true)
                ?? throw new UsageException($"{source}, to be mounted at {target}, does not exist on the host");
        }
        catch (LinuxException e)
        {
            throw new UsageException($"{source}, to be mounted at {target}, cannot be read: {e.Message}", e);
        }
    }
}
