using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class DiskRequestTests
{
    [Fact]
    public void Several_disks_with_and_without_a_size()
        => Assert.Equal(
            [new DiskRequest("/disks/a", "/home", DiskFileSystem.Xfs, null), new DiskRequest("/v/deep/b", "/var/lib/x", DiskFileSystem.Ext4, 5L << 30)],
            Machine.With("RUNCVM_DISKS=/disks/a,/home,xfs;/v/deep/b,/var/lib/x,EXT4,5g;").Disks);

    [Theory]
    [InlineData("/disks/a,/home", "src,dst,fs[,size]")]
    [InlineData(";", "src,dst,fs[,size]")]
    [InlineData("a,/home,ext4", "absolute paths")]
    [InlineData("/disks/a,home,ext4", "absolute paths")]
    [InlineData("/disks/../etc,/home,ext4", "absolute paths")]
    [InlineData("/disks/a,/,ext4", "absolute paths")]
    [InlineData("/disks//a,/home,ext4", "absolute paths")]
    [InlineData("/disks/a,/disks/b,ext4", "elsewhere than in /disks")]
    [InlineData("/disks/a,/home,ext5", "the file system in RUNCVM_DISKS must be ext4, xfs or btrfs, not 'ext5'")]
    [InlineData("/disks/a,/home,ext4,5", "the size in RUNCVM_DISKS must be a size from 64M to 16T (a number and K, M, G or T)")]
    [InlineData("/disks/a,/home,ext4,1M", "the size in RUNCVM_DISKS")]
    [InlineData("/disks/a,/home,xfs,256M", "the size in RUNCVM_DISKS must be a size from 300M")]
    [InlineData("/disks/a,/home,btrfs,128M", "the size in RUNCVM_DISKS must be a size from 256M")]
    [InlineData("/disks/a,/home,ext4;/disks/a,/srv,ext4", "a backing file of their own")]
    [InlineData("/disks/a,/home,ext4;/disks/b,/home,ext4", "a place of their own")]
    public void What_is_wrong_is_told(string value, string told)
        => Assert.Contains(told, Machine.Refusal("RUNCVM_DISKS=" + value), StringComparison.Ordinal);
}
