using Runcvm.Linux.Processes;

namespace Runcvm.Building;

/// <summary>What a builder may do in its root folder, once more by Landlock: the root consists of mounts, and some of
/// the host's may be mounted below what it sees of programs.</summary>
internal static class BuilderRules
{
    private const FileRights Looking = FileRights.Read | FileRights.ListFolder;

    // Plain files and folders. A link, a pipe or a socket could lead root elsewhere afterwards.
    private const FileRights Building = Looking | FileRights.Write | FileRights.Truncate | FileRights.MakeFile
        | FileRights.MakeFolder | FileRights.RemoveFile | FileRights.RemoveFolder | FileRights.Refer;

    /// <param name="program">that runs, and may run others of its folders</param>
    /// <param name="places">where it reads, and whether it may write there</param>
    internal static LandlockRules Of(string program, IEnumerable<(string Path, bool IsWritable)> places)
        => new([
            .. BuilderRoot.FoldersOf(program).Select(static path => new FileRule(path, Looking | FileRights.Execute)),
            .. places.Select(static place => new FileRule(place.Path, place.IsWritable ? Building : Looking)),
        ]);

    /// <summary>Puts them on this thread, where the kernel has Landlock.</summary>
    internal static void EnforceIfPossible(LandlockRules rules)
    {
        if (LandlockRules.Version > 0) rules.Enforce();
    }
}
