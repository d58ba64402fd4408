using Runcvm.Linux.Mounts;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class MountOptionsTests
{
    [Theory]
    [InlineData("", MountFlags.None, "")]
    [InlineData("size=64m,mode=1777", MountFlags.None, "size=64m,mode=1777")]
    [InlineData("noexec,nosuid,nodev,rprivate,size=64m", MountFlags.NoExec | MountFlags.NoSuid | MountFlags.NoDev, "size=64m")]
    [InlineData("ro,sync,dirsync,noatime,nodiratime", MountFlags.ReadOnly | MountFlags.Synchronous | MountFlags.DirSync | MountFlags.NoAtime | MountFlags.NoDirAtime, "")]
    [InlineData("relatime,strictatime", MountFlags.RelAtime | MountFlags.StrictAtime, "")]
    [InlineData("uid=5,ro,gid=6,tmpcopyup", MountFlags.ReadOnly, "uid=5,gid=6")]
    public void Options_are_split_into_flags_and_data(string options, MountFlags flags, string data) => Check(options, flags, data);

    [Theory]
    [InlineData("ro,rw")]
    [InlineData("nosuid,suid")]
    [InlineData("nodev,dev")]
    [InlineData("noexec,exec")]
    [InlineData("sync,async")]
    [InlineData("noatime,atime")]
    [InlineData("nodiratime,diratime")]
    [InlineData("relatime,norelatime")]
    [InlineData("strictatime,nostrictatime")]
    public void The_last_of_two_opposites_wins(string options)
    {
        Check(options, MountFlags.None, "");
        string[] pair = options.Split(',');
        Check($"{pair[1]},{pair[0]}", MountOptions.Split([pair[0]]).Flags, "");
    }

    private static void Check(string options, MountFlags flags, string data)
        => Assert.Equal((flags, data), MountOptions.Split(options.Split(',', StringSplitOptions.RemoveEmptyEntries)));
}
