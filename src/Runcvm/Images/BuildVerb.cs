using System.Globalization;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Images;

/// <summary>The steps between starting a builder and mkfs.erofs, in a process of their own because they change its
/// mount namespace: join the layers where nobody else sees them, then become mkfs.erofs.</summary>
internal static class BuildVerb
{
    private const int CannotBuild = 1;

    // The layers as one folder.
    private const string Joined = "root";

    /// <summary>What <see cref="Run"/> takes.</summary>
    internal static IEnumerable<string> Arguments(
        string mkfs, string output, BuildBounds bounds, string workFolder, IReadOnlyList<string> layers)
        => [mkfs, output, Number(bounds.User), Number(bounds.MostBytes), workFolder, .. layers];

    /// <summary>Returns only when something failed, with the reason on stderr.</summary>
    internal static int Run(string[] args)
    {
        if (args is not [var mkfs, var output, var user, var most, var workFolder, .. var layers] || layers.Length == 0)
        {
            Console.Error.WriteLine("build-image takes MKFS OUTPUT USER MOST-BYTES WORK-FOLDER LAYER...");
            return CannotBuild;
        }

        try
        {
            var bounds = new BuildBounds(
                uint.Parse(user, CultureInfo.InvariantCulture), long.Parse(most, CultureInfo.InvariantCulture));
            int parent = CurrentProcess.ParentId;
            CurrentProcess.SignalWhenParentEnds(SignalNumber.Kill);
            CurrentProcess.Unshare(
                Namespaces.Mount | Namespaces.FileSystemContext | Namespaces.Network | Namespaces.Ipc | Namespaces.Uts);
            MountPoint.SetPropagation("/", MountFlags.Recursive | MountFlags.Private);
            string root = Join(workFolder, layers);
            TreeSize.Check(root, bounds.MostBytes);
            string program = RealPath.Of(mkfs) ?? mkfs;
            string made = BuilderTree.Furnish(workFolder, program, output, bounds.User);
            BuilderTree.Enter(workFolder, bounds, program, ("/" + Joined, false), (made, true));
            // Survives execve: mkfs.erofs does not go on writing for a builder that was killed, now or just before.
            CurrentProcess.SignalWhenParentEnds(SignalNumber.Kill);
            if (CurrentProcess.ParentId != parent) return CannotBuild;
            CurrentProcess.Execute(program, MakeImage(made, "/" + Joined), Tool.Environment);
        }
        catch (Exception e) when (e is Linux.LinuxException or IOException or UsageException)
        {
            Console.Error.WriteLine(e.Message);
        }

        return CannotBuild;
    }

    /// <summary>mkfs.erofs of 1.5 and later. Nothing is compressed: guests read at the speed of the host's page cache,
    /// and images of the same layers cost the same again only on disk.</summary>
    internal static List<string> MakeImage(string output, string folder)
    {
        List<string> arguments = ["mkfs.erofs", "--quiet", "--preserve-mtime", "-Eforce-inode-extended"];
        // Guests have pages of 4 KiB; where the host's are larger, mkfs.erofs (1.6 and later there) would follow the host.
        if (Environment.SystemPageSize != 4096) arguments.Add("-b4096");
        return [.. arguments, output, folder];
    }

    /// <summary>Mounts all layers as one tree. An overlay even of a single one, because it hides what only overlayfs
    /// may see: whiteouts and trusted.overlay.* attributes.</summary>
    private static string Join(string workFolder, string[] layers)
    {
        // Links with short names in a folder of our own: the options of mount(2) must fit into one page, which the
        // paths of 127 layers would not, and colons or commas in those paths need no care.
        MountPoint.Add("tmpfs", workFolder, "tmpfs", MountFlags.NoSuid | MountFlags.NoDev, "mode=755,size=1m");
        CurrentProcess.ChangeDirectory(workFolder);
        var names = new List<string>();
        foreach (string layer in layers)
        {
            string name = names.Count.ToString(CultureInfo.InvariantCulture);
            File.CreateSymbolicLink(Path.Combine(workFolder, name), layer);
            names.Add(name);
        }

        if (layers.Length == 1)
        {
            // An overlay without an upper layer needs two lower ones.
            Node.MakeDirectory(Path.Combine(workFolder, "empty"));
            names.Add("empty");
        }

        string root = Path.Combine(workFolder, Joined);
        Node.MakeDirectory(root);
        MountPoint.Add("overlay", root, "overlay", MountFlags.ReadOnly, $"lowerdir={string.Join(':', names)}");
        return root;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
