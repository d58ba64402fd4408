using System.Globalization;
using System.Text;
using Runcvm.HostFiles;

namespace Runcvm.Installation;

/// <summary>The file behind <see cref="DaemonJson"/>.</summary>
/// <param name="path">a link is followed, and stays</param>
internal sealed class DaemonJsonFile(string path)
{
    internal string Path { get; } = Final(path);

    /// <summary>Where a link leads, and any other path itself, whether it exists or not.</summary>
    internal static string Final(string path)
        => new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;

    internal string? Read() => File.Exists(Path) ? File.ReadAllText(Path) : null;

    /// <summary>Writes the file with the mode it had.</summary>
    /// <returns>the copy of what was there before, or null where there was nothing</returns>
    internal string? Write(string text)
    {
        bool exists = File.Exists(Path);
        UnixFileMode mode = exists ? File.GetUnixFileMode(Path) : AtomicFile.Readable;
        string? backup = exists ? Backup() : null;
        AtomicFile.Write(Path, mode, file => file.Write(Encoding.UTF8.GetBytes(text)));
        return backup;
    }

    // The first copy of a day is what the administrator wrote; later ones would be what we wrote.
    private string Backup()
    {
        string backup = $"{Path}.runcvm-backup-{DateTime.Now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}";
        if (!File.Exists(backup)) File.Copy(Path, backup);
        return backup;
    }
}
