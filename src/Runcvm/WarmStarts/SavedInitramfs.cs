using Runcvm.Kernels;
using Runcvm.Linux.Files;
using Runcvm.Protocol;

namespace Runcvm.WarmStarts;

/// <summary>The archive of a machine that shall be saved: that of every machine, and in front of it one more.</summary>
internal static class SavedInitramfs
{
    // The kernel skips zeros between two archives, and looks for the next where four bytes begin.
    private const int Alignment = 512;

    /// <summary>Writes it to a new file.</summary>
    internal static void Write(string initramfs, string path)
    {
        using FileStream output = File.Create(path);
        WriteFront(output);
        using FileStream usual = File.OpenRead(initramfs);
        usual.CopyTo(output);
        Node.SetPermissions(path, Permission.PlainFile);
    }

    internal static void WriteFront(Stream output)
    {
        var front = new MemoryStream();
        var cpio = new CpioWriter(front);
        cpio.File(PlacesTable.File, Permission.PlainFile, PlacesTable.Bytes());
        cpio.Directory(SavedGuest.Mark);
        cpio.End();
        front.SetLength((front.Length + Alignment - 1) / Alignment * Alignment);
        output.Write(front.ToArray());
    }
}
