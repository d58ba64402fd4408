using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Protocol.Messages;

namespace Runcvm.Planning;

/// <summary>Looks the workload's program and folder up in the container's root before anything boots. So the engine
/// hears of a mistake at once and in runc's words. The guest has the last word: what may lie on a mount is left to it.
/// </summary>
internal sealed class WorkloadProgram : IDisposable
{
    // path_resolution(7)
    private const int MostLinks = 40;

    // What the guest's kernel or RunCVM puts there. Nothing in the container's files tells what is in it.
    private static readonly string[] OwnMounts = ["/proc", "/sys", "/dev", "/lib/modules", "/usr/lib/modules"];

    private readonly SafeFileHandle _root;
    private readonly HashSet<string> _mounts = [];
    private readonly bool _knowsMounts = true;

    private WorkloadProgram(string root, IEnumerable<string> mounts)
    {
        _root = FileDescriptor.Open(root, OpenFlags.Path | OpenFlags.Directory);
        var found = new HashSet<string>();
        foreach (string mount in mounts.Select(static mount => "/" + string.Join("/", Parts(mount))))
        {
            (bool isKnown, string place, _) = Find(mount);
            _knowsMounts &= isKnown;
            found.UnionWith([mount, place]);
        }

        _mounts = found;
    }

    /// <summary>Says what is wrong with the process, if that is certain.</summary>
    /// <param name="root">the container's root on the host, whose files may be hostile</param>
    /// <param name="process">the workload</param>
    /// <param name="mounts">the spec's mounts</param>
    /// <param name="disks">where the machine's own disks are mounted</param>
    /// <exception cref="UsageException">it cannot be started</exception>
    internal static void Check(
        string root, ProcessSpec process, JsonNode? mounts, params IEnumerable<string> disks)
    {
        IEnumerable<string> places = ProcessReader.Items(mounts)
            .Select(static mount => mount?["destination"]?.GetValue<string>() ?? "/");
        using var lookup = new WorkloadProgram(root, [.. OwnMounts, .. places, .. disks]);
        if (!lookup._knowsMounts) return;
        lookup.CheckFolder(process.WorkingDirectory);
        if (process.Arguments is [{ Length: > 0 } name, ..]) lookup.CheckProgram(name, process);
    }

    public void Dispose() => _root.Dispose();

    // One that is not there is made.
    private void CheckFolder(string folder)
    {
        if (Find(folder) is { IsKnown: true, Status: { Kind: not FileKind.Directory } })
            throw new UsageException($"chdir to cwd (\"{folder}\") set in config.json failed: not a directory");
    }

    private void CheckProgram(string name, ProcessSpec process)
    {
        if (name.Contains('/'))
        {
            (bool isKnown, _, FileStatus? status) = Find(Path.Combine("/", process.WorkingDirectory, name));
            if (!isKnown || ProgramFile.IsOne(status)) return;
            throw Failure(name, ProgramFile.FaultOf(name, status));
        }

        foreach (string folder in ProgramFile.SearchPath(process.Environment) ?? [])
        {
            string candidate = Path.Combine("/", process.WorkingDirectory, folder, name);
            (bool isKnown, _, FileStatus? status) = Find(candidate);
            if (!isKnown || ProgramFile.IsOne(status)) return;
        }

        throw Failure(name, ProgramFile.NotInPath);
    }

    // Not known is what a mount may hide or bring, and what cannot be looked at. The path is without links, as far as
    // there are any.
    private (bool IsKnown, string Path, FileStatus? Status) Find(string path)
    {
        try
        {
            return Follow(path);
        }
        catch (LinuxException)
        {
            return (false, path, null);
        }
    }

    private (bool IsKnown, string Path, FileStatus? Status) Follow(string path)
    {
        // Without links, as far as it goes.
        string at = "/";
        FileStatus? status = FileStatus.Of(_root);
        var left = new Stack<string>(Parts(path).Reverse());
        for (int links = 0; left.TryPop(out string? part);)
        {
            string next = Path.GetFullPath(Path.Combine(at, part));
            if (_mounts.Contains(next)) return (false, next, null);
            (status, string? target) = Look(next);
            if (status == null)
                return (!IsAboveMount(next), Path.GetFullPath($"{next}/{string.Join('/', left)}"), null);
            if (target == null)
            {
                at = next;
                continue;
            }

            // A byte that is no text would be looked for as another.
            if (++links > MostLinks || target.Contains('\uFFFD')) return (false, next, null);
            foreach (string step in Parts(target).Reverse()) left.Push(step);
            if (target.StartsWith('/')) at = "/";
        }

        return (true, at, status);
    }

    // Mount points are made, with the folders above them.
    private bool IsAboveMount(string path)
        => _mounts.Any(mount => mount.StartsWith(path + "/", StringComparison.Ordinal));

    // Of a path without links, but for its last part; the target is a link's.
    private (FileStatus? Status, string? Target) Look(string path)
    {
        if (path == "/") return (FileStatus.Of(_root), null);
        using SafeFileHandle? folder = FileDescriptor.TryOpenInRoot(
            _root, Path.GetDirectoryName(path)!, OpenFlags.Path | OpenFlags.Directory);
        if (folder == null) return (null, null);
        string entry = $"{FileDescriptor.PathOf(folder)}/{Path.GetFileName(path)}";
        FileStatus? status = FileStatus.TryOf(entry);
        return (status, status is { Kind: FileKind.Link } ? new FileInfo(entry).LinkTarget : null);
    }

    private static string[] Parts(string path)
        => path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private static UsageException Failure(string name, string reason) => new(ProgramFile.Refusal(name, reason));
}
