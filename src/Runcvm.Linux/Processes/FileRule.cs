namespace Runcvm.Linux.Processes;

/// <summary>What stays allowed at one place.</summary>
/// <param name="Path">a file, or a folder with all that is below it</param>
/// <param name="Rights">of a file those that a file can have; the others are left out</param>
public readonly record struct FileRule(string Path, FileRights Rights)
{
    // What the kernel takes for something that is no folder.
    private const FileRights OfFiles =
        FileRights.Execute | FileRights.Write | FileRights.Read | FileRights.Truncate | FileRights.ControlDevice;

    /// <summary>The rights that a kernel takes for this place.</summary>
    /// <param name="isFolder">the place is one</param>
    /// <param name="handled">all that the kernel knows</param>
    internal FileRights For(bool isFolder, FileRights handled) => Rights & handled & (isFolder ? handled : OfFiles);
}
