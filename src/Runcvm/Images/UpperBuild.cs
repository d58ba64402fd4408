using System.Globalization;
using Runcvm.Building;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Images;

/// <summary>mkfs.erofs on a container's own layer, which may be a stranger's.</summary>
internal static class UpperBuild
{
    // It lies in memory, and is small.
    private const int MostSeconds = 600;
    private const long MostMemory = 4L << 30;

    // To read any file, and the attributes that only overlayfs may see. The filter on system calls leaves of the second
    // no more than that: nothing can be mounted and no namespace made.
    private static readonly string[] Reading = ["CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN"];

    /// <summary>How large an image in that folder may be.</summary>
    internal static long MostBytesIn(string folder) => new DriveInfo(folder).AvailableFreeSpace / 2;

    /// <summary>Makes the image.</summary>
    /// <param name="upper">the layer</param>
    /// <param name="image">to be made</param>
    /// <param name="user">who makes it</param>
    /// <returns>null on success, else why not</returns>
    internal static string? Run(string upper, string image, uint user)
    {
        string mkfs = Tool.Find("mkfs.erofs", "erofs-utils");
        if (!CurrentProcess.IsRoot) return Tool.Run(mkfs, BuildVerb.MakeImage(image, upper));
        string folder = image + ".room";
        string made = Path.Combine(folder, "image");
        string prlimit = RealPath.Of(Tool.Find("prlimit", "util-linux"))!;
        Node.MakeDirectory(folder);
        try
        {
            Node.SetOwner(folder, user, user);
            List<string> arguments = ["prlimit", .. Limits(folder), mkfs, .. BuildVerb.MakeImage(made, upper).Skip(1)];
            using var room = new BuilderRoom(
                prlimit, user, CapabilitySet.Of(Reading), [(upper, false), (folder, true)]);
            BuilderEnd end = room.Run(prlimit, arguments, TimeSpan.FromSeconds(2 * MostSeconds));
            if (Tool.FailureIn(end, "mkfs.erofs") is { } failure) return failure;
            BuiltFolder.TakeBack(folder, user);
            File.Move(made, image);
            return null;
        }
        finally
        {
            TreeRemoval.Remove(folder);
        }
    }

    /// <summary>prlimit's arguments. The folder lies in memory, and other machines need room there, too.</summary>
    internal static IEnumerable<string> Limits(string folder)
    {
        yield return string.Create(CultureInfo.InvariantCulture, $"--fsize={MostBytesIn(folder)}");
        yield return string.Create(CultureInfo.InvariantCulture, $"--cpu={MostSeconds}:{MostSeconds + 1}");
        yield return string.Create(CultureInfo.InvariantCulture, $"--as={MostMemory}");
    }
}
