using System.Diagnostics;
using System.IO.MemoryMappedFiles;

namespace Runcvm.Tests.Fuse;

/// <summary>Files that the guest's kernel must not keep in its cache of pages.</summary>
public class DirectFileTests
{
    // Crosses a page more often than not.
    private const int Length = 3000;
    private const int Lines = 400;

    [Theory]
    [InlineData("/proc", "uptime")]
    [InlineData("/proc", "self/status")]
    [InlineData("/sys/kernel", "uevent_seqnum")]
    public void A_file_that_is_made_on_reading_is_read_though_it_has_no_size(string folder, string name)
    {
        using var share = MountedShare.Start(folder, readOnly: true);
        Assert.NotEqual("", File.ReadAllText(Path.Combine(share.Guest, name)));
    }

    [Fact]
    public void An_empty_file_of_a_disk_can_be_mapped()
    {
        using var share = MountedShare.Start();
        string file = Path.Combine(share.Guest, "empty");
        File.WriteAllText(file, "");
        using var map = MemoryMappedFile.CreateFromFile(file, FileMode.Open, null, 4096);
        using var view = map.CreateViewAccessor();
        view.Write(0, (byte)'x');
        view.Flush();
        Assert.Equal((byte)'x', File.ReadAllBytes(Path.Combine(share.Host, "empty"))[0]);
    }

    [Fact]
    public void Appends_of_two_machines_stay_whole()
    {
        Assert.SkipWhen(Environment.OSVersion.Version < new Version(6, 6), "older kernels write through their cache");
        using var one = MountedShare.Start();
        using var other = MountedShare.Start(one.Host);
        Process[] writers =
            [.. new[] { one, other, one }.Select(static share => Append(Path.Combine(share.Guest, "log")))];
        foreach (Process writer in writers)
        {
            using (writer)
            {
                writer.WaitForExit();
                Assert.Equal(0, writer.ExitCode);
            }
        }

        string[] lines = File.ReadAllLines(Path.Combine(one.Host, "log"));
        Assert.Equal(writers.Length * Lines, lines.Length);
        Assert.All(lines, static line => Assert.Equal(Length, line.Length));
    }

    [Fact]
    public void A_file_that_another_machine_writes_cannot_be_mapped()
    {
        using var one = MountedShare.Start();
        using var other = MountedShare.Start(one.Host);
        string file = Path.Combine(one.Guest, "db"), same = Path.Combine(other.Guest, "db");
        File.WriteAllBytes(file, new byte[4096]);
        one.UntilAllIsClosed();
        using (FileStream first = OpenBoth(file))
        {
            // Its own programs may, as many as there are.
            Map(file, FileAccess.ReadWrite);
            using (FileStream second = OpenBoth(same))
            {
                Assert.Throws<IOException>(() => Map(same, FileAccess.ReadWrite));
                Map(file, FileAccess.ReadWrite);
                second.Write("seen"u8);
                second.Flush();
                Assert.Equal("seen"u8, File.ReadAllBytes(Path.Combine(one.Host, "db")).AsSpan(0, 4));
            }
        }

        one.UntilAllIsClosed();
        other.UntilAllIsClosed();
        Map(same, FileAccess.ReadWrite);
    }

    [Theory]
    [InlineData(FileAccess.ReadWrite, true)]
    [InlineData(FileAccess.Write, true)]
    [InlineData(FileAccess.Read, false)]
    public void A_file_that_the_host_writes_cannot_be_mapped(FileAccess access, bool isRefused)
    {
        using var share = MountedShare.Start();
        string file = Path.Combine(share.Guest, "db");
        File.WriteAllBytes(Path.Combine(share.Host, "db"), new byte[4096]);
        using (new FileStream(Path.Combine(share.Host, "db"), FileMode.Open, access, FileShare.ReadWrite))
        {
            if (isRefused) Assert.Throws<IOException>(() => Map(file, FileAccess.ReadWrite));
            else Map(file, FileAccess.ReadWrite);
            Map(file, FileAccess.Read);
        }
    }

    [Fact]
    public void A_lock_of_the_machines_own_is_no_stranger()
    {
        using var share = MountedShare.Start();
        string file = Path.Combine(share.Guest, "db");
        File.WriteAllBytes(file, new byte[4096]);
        for (int i = 0; i < 20; i++)
        {
            using (FileStream locked = OpenBoth(file)) locked.Lock(0, 1);
            File.WriteAllBytes(file, new byte[4096]);
            Map(file, FileAccess.ReadWrite);
        }
    }

    private static FileStream OpenBoth(string file)
        => new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);

    // As programs do that share memory by it.
    private static void Map(string file, FileAccess access)
    {
        bool writes = access == FileAccess.ReadWrite;
        using var stream = new FileStream(file, FileMode.Open, access, FileShare.ReadWrite);
        using var map = MemoryMappedFile.CreateFromFile(
            stream, null, 0, writes ? MemoryMappedFileAccess.ReadWrite : MemoryMappedFileAccess.Read,
            HandleInheritability.None, leaveOpen: true);
        using var view = map.CreateViewAccessor(
            0, 4096, writes ? MemoryMappedFileAccess.ReadWrite : MemoryMappedFileAccess.Read);
        if (writes) view.Write(0, view.ReadByte(0));
    }

    // One write(2) for each line.
    private static Process Append(string file) => Process.Start("sh", ["-c", $"""
        line=$(printf '%0{Length}d' 0); i=0
        while [ $i -lt {Lines} ]; do echo "$line"; i=$((i+1)); done >>"$0"
        """, file]);
}
