using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>The state folder of one machine, /run/runcvm/ID, which the sandbox sees as /run/runcvm.</summary>
internal sealed class MachineFolder
{
    internal const string Root = "/run/runcvm";

    /// <summary>The folder as processes inside the sandbox see it.</summary>
    internal static MachineFolder InSandbox { get; } = new(Root);

    private MachineFolder(string path)
    {
        FullPath = path;
    }

    internal string FullPath { get; }

    /// <summary>The container's id.</summary>
    internal string Id => Path.GetFileName(FullPath);

    internal string Description => Path.Combine(FullPath, "machine.bin");

    internal string Setup => Path.Combine(FullPath, "setup.bin");

    internal string Process => Path.Combine(FullPath, "process.bin");

    internal string ControlSocket => Path.Combine(FullPath, "control.sock");

    /// <summary>Held by the supervisor as long as it runs.</summary>
    internal string Lock => Path.Combine(FullPath, "lock");

    /// <summary>Names the image in the cache that this machine boots from, so that it is not pruned.</summary>
    internal string RootImage => Path.Combine(FullPath, "root-image");

    internal string LayerImage => Path.Combine(FullPath, "layer.erofs");

    /// <summary>From the beginning of `create` to `delete`.</summary>
    internal bool IsThere => Directory.Exists(FullPath);

    /// <summary>What `create` found and how long it took, for whoever asks about the machine.</summary>
    internal string Record => Path.Combine(FullPath, "record.bin");

    /// <summary>Is there when the guest has taken over what was put into the container while it was stopped, and has it on its disk.</summary>
    internal string LayerTaken => Path.Combine(FullPath, "layer-taken");

    /// <summary>How the machine ended.</summary>
    internal string Outcome => Path.Combine(FullPath, "outcome.bin");

    /// <summary>What a hypervisor that is another user may write to: nothing else of this folder.</summary>
    internal string Hypervisor => Path.Combine(FullPath, "hypervisor");

    /// <summary>From the moment on when `create` knew all of the machine.</summary>
    internal bool Exists => File.Exists(Description);

    /// <summary>Whether its supervisor is there.</summary>
    internal bool IsRunning => LockFile.IsHeld(Lock);

    internal static MachineFolder Of(string id)
    {
        // The id becomes part of a path that is deleted later; runc's own rule for ids.
        bool valid = id.Length is > 0 and <= 1024 && id is not ("." or "..") && id.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '+' or '-' or '.');
        return valid ? new MachineFolder(Path.Combine(Root, id)) : throw new UsageException($"'{id}' is no container id: letters, digits and _+-. only");
    }

    /// <summary>The machines of this host: those that run, and those that were made.</summary>
    internal static IEnumerable<MachineFolder> All(string root = Root)
        => !Directory.Exists(root) ? [] : Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal)
            .Select(static path => new MachineFolder(path)).Where(static folder => folder.Exists);

    /// <summary>What `create` decided.</summary>
    /// <exception cref="UsageException">another version of RunCVM wrote it, or somebody else</exception>
    internal MachineDescription ReadDescription()
    {
        try
        {
            var reader = new WireReader(TryRead(Description) ?? throw new WireFormatException("the file cannot be read"));
            return MachineDescription.Read(ref reader);
        }
        catch (WireFormatException e)
        {
            throw new UsageException($"{Description} does not describe a machine of this version of RunCVM ({e.Message}); stop the container and start it again", e);
        }
    }

    /// <summary>A file of this folder, or null. The sandbox can write here, so what lies here may be anything: a link to a file
    /// of the host, a pipe that never ends, a file of any size.</summary>
    internal static byte[]? TryRead(string path)
    {
        const long Most = 16 * 1024 * 1024;
        try
        {
            using SafeFileHandle? file = FileDescriptor.TryOpen(path, OpenFlags.ReadOnly | OpenFlags.NoFollow | OpenFlags.NonBlocking);
            if (file == null) return null;
            FileStatus? status = FileStatus.TryOf(FileDescriptor.PathOf(file), followLinks: true);
            return status is { Kind: FileKind.Regular, Size: <= Most } ? FileDescriptor.ReadToEnd(file) : null;
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    /// <summary>An empty folder that only root may look into: it holds the workload's environment.</summary>
    internal void Recreate()
    {
        Remove();
        Node.MakeDirectory(FullPath, Permission.OwnersFolder);
    }

    /// <summary>The folder for a hypervisor that is another user; the supervisor, which has no capability to pass over modes,
    /// gets at it as its group.</summary>
    internal void MakeHypervisorFolder(uint user)
    {
        Node.MakeDirectory(Hypervisor);
        Node.SetOwner(Hypervisor, user, 0);
        Node.SetPermissions(Hypervisor, 0x1F8);
    }

    internal void Remove()
    {
        if (Directory.Exists(FullPath)) Directory.Delete(FullPath, recursive: true);
    }

    /// <summary>A new file for the process of one exec.</summary>
    internal string NewExecFile() => Path.Combine(FullPath, $"exec-{Guid.NewGuid():N}.bin");

    internal static void WriteSecret(string path, ReadOnlySpan<byte> content)
    {
        using var file = FileDescriptor.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, Permission.OwnersFile);
        FileDescriptor.WriteAll(file, content);
    }
}
