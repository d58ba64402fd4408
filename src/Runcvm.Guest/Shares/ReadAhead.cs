using System.Globalization;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Shares;

/// <summary>How much of a shared file the kernel asks for at once when it is read from front to back. Its default, 128 KiB, is
/// for disks; what costs here is each request.</summary>
internal static class ReadAhead
{
    private const string Kibibytes = "1024";

    /// <summary>Of the file system that a file is on.</summary>
    internal static void Raise(FileStatus file)
    {
        // st_dev, as makedev(3) joins it.
        ulong device = file.FileSystem;
        ulong major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);
        string setting = string.Create(CultureInfo.InvariantCulture, $"/sys/class/bdi/{major}:{minor}/read_ahead_kb");
        if (File.Exists(setting)) File.WriteAllText(setting, Kibibytes);
    }
}
