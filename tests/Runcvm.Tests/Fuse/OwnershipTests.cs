using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Tests.Fuse;

/// <summary>What the guest's users make is theirs, and nothing else.</summary>
public class OwnershipTests
{
    [Fact]
    public async Task A_folder_of_another_that_is_put_in_place_of_a_new_one_is_not_given_away()
    {
        if (!File.Exists("/usr/bin/setpriv")) Assert.Skip("setpriv(1) is not installed");
        using var share = MountedShare.Start();
        File.SetUnixFileMode(Path.GetDirectoryName(share.Guest)!, (UnixFileMode)0x1ED);
        File.SetUnixFileMode(share.Host, (UnixFileMode)0x1FF);
        string full = Path.Combine(share.Host, "full");
        string made = Path.Combine(share.Host, "made");
        Directory.CreateDirectory(full);
        await File.WriteAllTextAsync(Path.Combine(full, "inside"), "root's", TestContext.Current.CancellationToken);
        const string Loop = "for i in $(seq 1500); do mkdir made; rmdir made; done 2>/dev/null; true";
        var start = new ProcessStartInfo("/usr/bin/setpriv", ["--reuid", "12345", "--regid", "12345", "--clear-groups", "sh", "-c", Loop])
        {
            WorkingDirectory = share.Guest,
        };
        using Process guest = Process.Start(start)!;
        int swaps = 0;
        while (!guest.HasExited)
        {
            // Works only while an empty folder is there to be replaced, or none.
            if (!Directory.Exists(made) || !TryRename(full, made)) continue;
            swaps++;
            Assert.True(TryRename(made, full));
        }

        await guest.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, guest.ExitCode);
        Assert.Equal("0", await OwnerAsync(full));
        Assert.True(swaps > 0, "the folder was never put in the other's place");
    }

    private static bool TryRename(string from, string to)
    {
        using SafeFileHandle folder = FileDescriptor.Open(Path.GetDirectoryName(from)!, OpenFlags.Path);
        Assert.True(EntryName.Read(Name(from), out EntryName old) > 0);
        Assert.True(EntryName.Read(Name(to), out EntryName other) > 0);
        return FileCall.Rename(folder, old, folder, other, 0) == 0;
    }

    private static byte[] Name(string path) => [.. Encoding.UTF8.GetBytes(Path.GetFileName(path)), 0];

    private static async Task<string> OwnerAsync(string path)
    {
        using Process stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%u", path]) { RedirectStandardOutput = true })!;
        return (await stat.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim();
    }
}
