using System.Diagnostics;
using System.Text;
using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public class CpioWriterTests
{
    [Fact]
    public void Entries_are_written_as_the_kernel_documents_them()
    {
        using var archive = new MemoryStream();
        var cpio = new CpioWriter(archive);
        cpio.Directory("d");
        cpio.CharacterDevice("d/c", 0x180, 5, 1);
        cpio.File("hi", 0x1A4, "hey"u8);
        cpio.End();

        const string Golden =
            //  magic   ino      mode     uid      gid      nlink    mtime    filesize dev maj  dev min  rdev maj rdev min namesize check
            "070701" + "00000001000041ed00000000000000000000000200000000000000000000000000000000000000000000000000000002" + "00000000" + "d\0" +
            "070701" + "00000002000021800000000000000000000000010000000000000000000000000000000000000005000000010000000400000000" + "d/c\0\0\0" +
            "070701" + "00000003000081a40000000000000000000000010000000000000003000000000000000000000000000000000000000300000000" + "hi\0\0\0\0" +
            "hey\0" +
            "070701" + "00000000000000000000000000000000000000010000000000000000000000000000000000000000000000000000000b00000000" + "TRAILER!!!\0\0\0\0";
        Assert.Equal(Golden, Encoding.ASCII.GetString(archive.ToArray()));
    }

    [Fact]
    public void Two_names_of_a_file_carry_its_content_once()
    {
        using var archive = new MemoryStream();
        var cpio = new CpioWriter(archive);
        cpio.File(["modprobe", "init"], 0x1ED, new byte[10_000]);
        cpio.End();
        Assert.InRange(archive.Length, 10_000, 10_600);
    }

    [Fact]
    public void The_archive_is_readable_by_cpio()
    {
        if (!File.Exists("/usr/bin/cpio")) Assert.Skip("cpio is not installed");
        using var folder = new TemporaryFolder();
        _ = folder.Write("vmlinux", "kernel");
        string init = folder.Write("runcvm-init", "program");
        folder.Write("boot-modules/00-virtio.ko", "one");
        folder.Write("boot-modules/01-virtio_blk.ko", "two");
        var kernel = new Kernel { Name = "debian/6.1", Folder = folder.Path, Release = "6.1" };

        string path = Initramfs.EnsureFor(kernel, init, Path.Combine(folder.Path, "cache"));

        var start = new ProcessStartInfo("/bin/sh", ["-c", $"cpio -itv --quiet < {path}"]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string list = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        string[] lines = list.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, l => l.StartsWith("-rwxr-xr-x   2 root", StringComparison.Ordinal) && l.EndsWith(" init", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("-rwxr-xr-x   2 root", StringComparison.Ordinal) && l.EndsWith(" sbin/modprobe", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("crw-------", StringComparison.Ordinal) && l.Contains("5,   1"));
        Assert.Contains(lines, l => l.EndsWith(" lib/modules/6.1", StringComparison.Ordinal));
        Assert.EndsWith("boot-modules/00-virtio.ko", lines[^2]);
        Assert.EndsWith("boot-modules/01-virtio_blk.ko", lines[^1]);
    }
}
