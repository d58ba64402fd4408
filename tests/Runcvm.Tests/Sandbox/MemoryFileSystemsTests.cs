using Runcvm.Linux.Mounts;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class MemoryFileSystemsTests
{
    private const long Mebibyte = 1 << 20;
    private const long Host = 1024 * Mebibyte;

    private static readonly MountInfo[] Mounts =
    [
        Mount("/", "ext4", "rw"), Mount("/memory", "tmpfs", "rw,size=65536k,mode=755"), Mount("/half", "tmpfs", "rw"),
        Mount("/endless", "tmpfs", "rw,size=0k"), Mount("/memory/disk", "ext4", "rw"), Mount("/hidden", "tmpfs", "rw"),
        Mount("/hidden", "ext4", "rw"), Mount("/view", "overlay", "rw,lowerdir=/a:/b"), Mount("/ram", "ramfs", "rw"),
        Mount("/merged", "overlay", "rw,lowerdir=/a,upperdir=/memory/u,workdir=/memory/w"),
    ];

    [Theory]
    [InlineData("/srv", 0)]
    [InlineData("/memory", 64)]
    [InlineData("/memory/some/folder", 64)]
    [InlineData("/memory/disk/file", 0)]
    [InlineData("/memories", 0)]
    [InlineData("/half/file", 512)]
    [InlineData("/endless", 1024)]
    [InlineData("/ram", 1024)]
    [InlineData("/hidden", 0)]
    [InlineData("/merged/folder", 64)]
    [InlineData("/view", 0)]
    public void What_a_place_in_memory_can_hold_is_its_file_systems_size(string place, long mebibytes)
        => Assert.Equal(mebibytes * Mebibyte, new MemoryFileSystems(Mounts, Host).Bytes([place]));

    [Fact]
    public void A_file_system_counts_once_and_all_together_no_more_than_the_host_has()
    {
        Assert.Equal(64 * Mebibyte, new MemoryFileSystems(Mounts, Host).Bytes(["/memory/a", "/memory/b", "/merged"]));
        // Everything of the host.
        Assert.Equal(Host, new MemoryFileSystems(Mounts, Host).Bytes(["/"]));
    }

    [Fact]
    public void The_root_of_a_live_system_is_in_memory()
    {
        MountInfo[] live = [Mount("/", "overlay", "rw,lowerdir=/rofs,upperdir=/cow/upper,workdir=/cow/work")];
        Assert.Equal(Host, new MemoryFileSystems(live, Host).Bytes(["/srv"]));
    }

    [Fact]
    public void The_hosts_memory_is_known() => Assert.InRange(MemoryFileSystems.OfHost(), 64 * Mebibyte, long.MaxValue);

    private static MountInfo Mount(string target, string type, string options)
        => new("/", target, "rw", type, type, options);
}
