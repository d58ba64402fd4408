using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Wire;

namespace Runcvm.Sandbox;

/// <summary>The state of one machine: /run/runcvm/KEY (<see cref="MachineKey"/>), which the host alone writes and the
/// sandbox sees read-only as /run/runcvm, and in it what the sandbox writes: a small file system of its own, of which
/// verbs believe nothing.</summary>
internal sealed class MachineFolder
{
    internal const string Root = "/run/runcvm";

    /// <summary>Where the sandbox sees what it may write.</summary>
    internal const string WritableInSandbox = "/run/sandbox";

    // A handful of small files and sockets; this is what a sandbox can take of the host's memory with it.
    private const string WritableSize = "mode=700,size=256k,nr_inodes=64";

    /// <summary>The folders as processes inside the sandbox see them.</summary>
    internal static MachineFolder InSandbox { get; } = new(Root, WritableInSandbox);

    private MachineFolder(string path, string? writable = null)
    {
        FullPath = path;
        Writable = writable ?? WritableOf(path);
    }

    internal string FullPath { get; }

    /// <summary>What the sandbox may write to.</summary>
    internal string Writable { get; }

    /// <summary>Names the machine on this host.</summary>
    internal string Key => Path.GetFileName(FullPath);

    /// <summary>The container's id.</summary>
    internal string Id => MachineKey.IdIn(Key);

    internal string Description => Path.Combine(FullPath, "machine.bin");

    internal string Setup => Path.Combine(FullPath, "setup.bin");

    internal string Process => Path.Combine(FullPath, "process.bin");

    /// <summary>Where the supervisor is asked. `create` makes it, and hands it on: nobody in the sandbox can put
    /// another one in its place.</summary>
    internal string ControlSocket => Path.Combine(FullPath, "control.sock");

    /// <summary>Where the host's verbs bring a pod's containers. It is shown to no sandbox but the pod's own, and that
    /// may not connect to it.</summary>
    internal string PodSocket => Path.Combine(FullPath, "pod.sock");

    /// <summary>Held by the supervisor as long as it runs.</summary>
    internal string Lock => Path.Combine(FullPath, "lock");

    /// <summary>Names the image in the cache that this machine boots from, so that it is not pruned.</summary>
    internal string RootImage => Path.Combine(FullPath, "root-image");

    /// <summary>Names the kernel that was unpacked out of this machine's image, so that it is not removed.</summary>
    internal string ImageKernel => Path.Combine(FullPath, "image-kernel");

    internal string LayerImage => Path.Combine(FullPath, "layer.erofs");

    /// <summary>From the beginning of `create` to `delete`.</summary>
    internal bool IsThere => Directory.Exists(FullPath);

    /// <summary>What `create` found and how long it took, for whoever asks about the machine.</summary>
    internal string Record => Path.Combine(FullPath, "record.bin");

    /// <summary>Which policies of what it may reach are in force, and where in the kernel. Not there without
    /// one.</summary>
    internal string Egress => Path.Combine(FullPath, "egress.bin");

    /// <summary>Held by who changes them. It is no file of the sandbox's folder: what can be read can be
    /// locked.</summary>
    internal string EgressLock => Path.Combine(Path.GetDirectoryName(FullPath)!, ".egress", Key + ".lock");

    /// <summary>Is there when the workload runs. By then the guest has taken over what was put into the container while
    /// it was stopped.</summary>
    internal string Started => Path.Combine(Writable, "started");

    /// <summary>How the machine ended.</summary>
    internal string Outcome => Path.Combine(Writable, "outcome.bin");

    /// <summary>What a hypervisor that is another user may write to: nothing else.</summary>
    internal string Hypervisor => Path.Combine(Writable, "hypervisor");

    /// <summary>From the moment on when `create` knew all of the machine.</summary>
    internal bool Exists => FileStatus.TryOf(Description) is { Kind: FileKind.Regular };

    /// <summary>Whether there is anything of that name, a description or something else.</summary>
    internal bool HasDescription => FileStatus.TryOf(Description) != null;

    /// <summary>Whether its supervisor is there.</summary>
    internal bool IsRunning => LockFile.IsHeld(Lock);

    /// <summary>What the sandbox of a state folder may write to.</summary>
    internal static string WritableOf(string folder) => Path.Combine(folder, "sandbox");

    /// <summary>The folder of a container, see <see cref="MachineKey.Of"/>.</summary>
    internal static MachineFolder Of(string id, string? runtimeRoot, Func<string> defaultRoot)
        => new(Path.Combine(Root, MachineKey.Of(id, runtimeRoot, defaultRoot)));

    /// <summary>The folder of a key.</summary>
    internal static MachineFolder OfKey(string key, string root = Root)
        => MachineKey.IsKey(key) ? new MachineFolder(Path.Combine(root, key))
            : throw new UsageException($"'{key}' names no machine");

    /// <summary>The state folders of this host, also of machines that are being made, and those that hold
    /// nonsense.</summary>
    internal static IEnumerable<MachineFolder> All(string root = Root)
        => !Directory.Exists(root) ? []
            : Directory.EnumerateDirectories(root).Where(static path => MachineKey.IsKey(Path.GetFileName(path)))
            .Order(StringComparer.Ordinal).Select(static path => new MachineFolder(path));

    /// <summary>What `create` wrote down for people, or null where that is not there.</summary>
    /// <exception cref="WireFormatException">it is no record</exception>
    internal MachineRecord? TryReadRecord()
        => TryRead(Record) is { } bytes ? WireBytes.Read<MachineRecord>(bytes) : null;

    /// <summary>Kernels out of images that machines have.</summary>
    internal static IReadOnlySet<string> ImageKernelsInUse(string root = Root)
        => All(root).Select(static folder => TryRead(folder.ImageKernel)).OfType<byte[]>()
            .Select(Encoding.UTF8.GetString).ToHashSet();

    /// <summary>What `create` decided.</summary>
    /// <exception cref="UsageException">another version of RunCVM wrote it, or somebody else</exception>
    internal MachineDescription ReadDescription()
    {
        try
        {
            byte[] bytes = TryRead(Description) ?? throw new WireFormatException("the file cannot be read");
            return WireBytes.Read<MachineDescription>(bytes).Checked();
        }
        catch (WireFormatException e)
        {
            throw new UsageException($"{Description} does not describe a machine of this version of RunCVM ({e.Message}); stop the container and start it again", e);
        }
    }

    /// <summary>A file of a state folder, or null. What the sandbox wrote may be anything: a link to a file of the
    /// host, a pipe that never ends, a file of any size.</summary>
    internal static byte[]? TryRead(string path)
    {
        const int Most = 16 * 1024 * 1024;
        try
        {
            return FileDescriptor.TryReadRegular(path, Most);
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    /// <summary>Empty folders: one that only root may look into, for it holds the workload's environment, and in it one
    /// for the sandbox.</summary>
    internal void Recreate()
    {
        RemoveOrPutAside(out _);
        Node.MakeDirectory(FullPath, Permission.OwnersFolder);
        Node.MakeDirectory(Writable, Permission.OwnersFolder);
        MountPoint.Add("tmpfs", Writable, "tmpfs", MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec,
            WritableSize);
        // The sandbox can lock it, and not make it.
        FileDescriptor.Open(Lock, OpenFlags.ReadOnly | OpenFlags.Create | OpenFlags.Exclusive,
            Permission.OwnersFile).Dispose();
    }

    /// <summary>The folder for a hypervisor that is another user; the supervisor, which has no capability to pass over modes,
    /// gets at it as its group.</summary>
    internal void MakeHypervisorFolder(uint user)
    {
        Node.MakeDirectory(Hypervisor);
        Node.SetOwner(Hypervisor, user, 0);
        Node.SetPermissions(Hypervisor, 0x1F8);
    }

    /// <summary>Makes the control socket. Connections wait in it from now on, until the supervisor takes
    /// them.</summary>
    internal SafeFileHandle ListenForControl() => Listen(ControlSocket);

    /// <summary>The same for a pod's containers.</summary>
    internal SafeFileHandle ListenForContainers() => Listen(PodSocket);

    private SafeFileHandle Listen(string path)
    {
        // A socket's path is short; an id need not be.
        using SafeFileHandle folder = FileDescriptor.Open(FullPath, OpenFlags.Path | OpenFlags.Directory);
        return UnixSocket.Listen(Path.Combine(FileDescriptor.PathOf(folder), Path.GetFileName(path)));
    }

    /// <summary>Connects to the machine's supervisor, not blocking.</summary>
    /// <exception cref="LinuxException">nobody listens, or whoever does takes no connections: that is not waited
    /// for</exception>
    internal SafeFileHandle Connect() => Connect(ControlSocket);

    /// <summary>Connects to where a pod's containers come in.</summary>
    internal SafeFileHandle ConnectToPod() => Connect(PodSocket);

    private SafeFileHandle Connect(string path)
    {
        using SafeFileHandle folder =
            FileDescriptor.Open(FullPath, OpenFlags.Path | OpenFlags.Directory | OpenFlags.NoFollow);
        using SafeFileHandle socket = OpenSocket(folder, Path.GetFileName(path));
        // Whoever owns the folder made the socket with it.
        if (FileStatus.Of(socket).Owner != FileStatus.Of(folder).Owner)
            throw new LinuxException(Errno.EACCES, $"use {path}, which is somebody else's");
        return UnixSocket.Connect(FileDescriptor.PathOf(socket), blocking: false);
    }

    /// <summary>Opens a socket that the hypervisor has made, to connect to it by <see cref="FileDescriptor.PathOf"/>.
    /// Its folder is the hypervisor's to change at any time, so it is opened beneath it, and never by following a
    /// link.</summary>
    internal SafeFileHandle OpenHypervisorSocket(string name)
    {
        using SafeFileHandle folder =
            FileDescriptor.Open(Writable, OpenFlags.Path | OpenFlags.Directory | OpenFlags.NoFollow);
        return OpenSocket(folder, Path.Combine(Path.GetFileName(Hypervisor), name));
    }

    internal void Remove()
    {
        // One over the other, where somebody has mounted more.
        const int Most = 8;
        for (int i = 0; i < Most && MountPoint.TryDetach(Writable); i++)
        {
        }

        FolderRemoval.Remove(Path.GetDirectoryName(FullPath)!, Key);
        // It is there where its holder was killed.
        if (File.Exists(EgressLock)) File.Delete(EgressLock);
    }

    /// <summary>Removes it; what cannot be removed gets another name, so that it is in no other machine's
    /// way.</summary>
    /// <param name="fault">why it could not be removed, and where it is now; or null</param>
    internal void RemoveOrPutAside(out string? fault)
    {
        fault = null;
        try
        {
            Remove();
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            string aside = Path.Combine(Path.GetDirectoryName(FullPath)!, ".aside");
            Node.MakeDirectory(aside, Permission.OwnersFolder);
            string kept = Path.Combine(aside, $"{Key}.{Guid.NewGuid():N}");
            try
            {
                Directory.Move(FullPath, kept);
                fault = $"{FullPath} could not be removed and is now {kept}: {Reason.Of(e)}";
            }
            catch (DirectoryNotFoundException)
            {
                // Another `delete` of it was faster: engines call one when a machine has ended, whoever ended it.
            }
        }
    }

    internal static void WriteSecret(string path, ReadOnlySpan<byte> content)
    {
        using var file = FileDescriptor.Open(path, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, Permission.OwnersFile);
        FileDescriptor.WriteAll(file, content);
    }

    private static SafeFileHandle OpenSocket(SafeFileHandle folder, string path)
    {
        SafeFileHandle socket = FileDescriptor.OpenBeneath(folder, path, OpenFlags.Path);
        if (FileStatus.Of(socket).Kind == FileKind.Socket) return socket;
        socket.Dispose();
        throw new LinuxException(Errno.ENOTSOCK, $"use {path}");
    }
}
