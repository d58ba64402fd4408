using Runcvm.Syntax;

namespace Runcvm.Options;

/// <summary>A disk in a backing file, as the user asked for it.</summary>
/// <param name="Source">the backing file, as a path of the container</param>
/// <param name="Target">where the machine mounts it</param>
/// <param name="FileSystem">of the disk</param>
/// <param name="Size">bytes; null for what a file has that is there, else the usual size of a disk</param>
internal sealed record DiskRequest(string Source, string Target, DiskFileSystem FileSystem, long? Size)
{
    internal const long MostSize = 16 * ByteSize.Tebi;

    /// <summary>The folder whose volumes are for backing files only.</summary>
    internal const string Reserved = "/disks";

    private const int MostDisks = 16;

    internal static IReadOnlyList<DiskRequest> ReadAll(OptionText text)
    {
        DiskRequest[] disks = [.. text.Value.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(one => Read(text, one))];
        if (disks.Length is 0 or > MostDisks) throw text.Refused($"one to {MostDisks} times src,dst,fs[,size], with semicolons between them");
        if (disks.DistinctBy(static disk => disk.Source).Count() < disks.Length) throw text.Refused("disks with a backing file of their own each");
        if (disks.DistinctBy(static disk => disk.Target).Count() < disks.Length) throw text.Refused("disks with a place of their own each");
        return disks;
    }

    private static DiskRequest Read(OptionText text, string one)
    {
        string[] parts = one.Split(',');
        if (parts.Length is not (3 or 4)) throw text.Refused("src,dst,fs[,size], several with semicolons between them");
        if (!IsPlain(parts[0]) || !IsPlain(parts[1])) throw text.Refused("src,dst,fs[,size], where src and dst are absolute paths without . and ..");
        if (IsOrBelow(parts[1], Reserved)) throw text.Refused($"a list of disks that are mounted elsewhere than in {Reserved}, which is for backing files");
        DiskFileSystem system = new OptionText($"the file system in {text.Name}", parts[2]).OneOf(
            "ext4, xfs or btrfs", [("ext4", DiskFileSystem.Ext4), ("xfs", DiskFileSystem.Xfs), ("btrfs", DiskFileSystem.Btrfs)]);
        long? size = parts.Length == 3 ? null : new OptionText($"the size in {text.Name}", parts[3]).Size(LeastSize(system), MostSize, plainUnit: null);
        return new DiskRequest(parts[0], parts[1], system, size);
    }

    // What can be made, or grown to, at least.
    private static long LeastSize(DiskFileSystem system) => ByteSize.Mebi * system switch
    {
        DiskFileSystem.Xfs => 300,
        DiskFileSystem.Btrfs => 256,
        _ => 64,
    };

    /// <summary>Whether a path is a folder, or lies in it.</summary>
    internal static bool IsOrBelow(string path, string folder) => path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);

    private static bool IsPlain(string path)
        => path.Length > 1 && path[0] == '/' && !path.Any(char.IsControl)
        && path[1..].Split('/').All(static part => part is not ("" or "." or ".."));
}
