using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Tests.Fuse;

/// <summary>A guest that has its server remember more files than it could itself.</summary>
public class NodeLimitTests
{
    private const int Most = 50;

    [Fact]
    public void Files_beyond_the_limit_are_refused_until_others_are_forgotten()
    {
        using var share = MountedShare.Start(limit: new NodeLimit(Most));
        for (int i = 0; i < 2 * Most; i++) File.WriteAllText(Path.Combine(share.Host, $"{i}"), "");
        for (int i = 0; i < Most; i++) Look(share, i);
        Assert.Equal(Most + 1, share.Server.Nodes);
        Assert.Equal(Errno.ENOMEM, Assert.Throws<LinuxException>(() => Look(share, Most)).Errno);
        Assert.ThrowsAny<IOException>(() => Directory.CreateDirectory(Path.Combine(share.Guest, "new")));
        Assert.False(Directory.Exists(Path.Combine(share.Host, "new")));
        Assert.Equal(2 * Most, Directory.GetFiles(share.Guest).Length);
        Assert.Equal(Most + 1, share.Server.Nodes);

        for (int i = 0; i < Most; i++) File.Delete(Path.Combine(share.Guest, $"{i}"));
        Directory.Delete(Directory.CreateDirectory(Path.Combine(share.Guest, "new")).FullName);
        for (int i = Most; i < 2 * Most; i++) Look(share, i);
    }

    private static void Look(MountedShare share, int number)
    {
        using SafeFileHandle file = FileDescriptor.Open(Path.Combine(share.Guest, $"{number}"), OpenFlags.Path);
    }
}
