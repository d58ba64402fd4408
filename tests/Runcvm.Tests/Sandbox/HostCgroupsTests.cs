using Runcvm.Linux.Mounts;
using Runcvm.Sandbox;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Sandbox;

public sealed class HostCgroupsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cpuset cpu io memory pids\n", "0::/engine/machine\n", true, true, true)]
    [InlineData("cpuset cpu io memory pids\n", "0::/else\n", true, false, true)]
    [InlineData("cpuset cpu io\n", "0::/engine/machine\n", false, false, false)]
    [InlineData("memory\n", "", true, false, false)]
    public void Version_2_says_what_it_was_given(string controllers, string own, bool memory, bool swap, bool processes)
    {
        File.WriteAllText(_folder.Path("cgroup.controllers"), controllers);
        File.WriteAllText(_folder.Path("own"), own);
        _folder.Make("engine/machine");
        File.WriteAllText(_folder.Path("engine/machine/memory.swap.max"), "max");
        Assert.Equal(new HostCgroups(memory, swap, processes), Of([Mount("", "cgroup2", "rw,nsdelegate")]));
    }

    [Fact]
    public void Version_1_has_what_is_mounted_and_version_2_beside_it_has_nothing()
    {
        MountInfo[] mounts =
        [
            Mount("", "tmpfs", "rw"), Mount("memory", "cgroup", "rw,memory"), Mount("cpu", "cgroup", "rw,cpu,cpuacct"),
            Mount("unified", "cgroup2", "rw"),
        ];
        Assert.Equal(new HostCgroups(true, Swap: false, false), Of(mounts));
        _folder.Make("memory");
        File.WriteAllText(_folder.Path("memory/memory.memsw.limit_in_bytes"), "");
        Assert.Equal(new HostCgroups(true, Swap: true, true), Of([.. mounts, Mount("pids", "cgroup", "rw,pids")]));
        Assert.Equal(HostCgroups.None, Of([]));
    }

    private HostCgroups Of(IReadOnlyList<MountInfo> mounts)
        => HostCgroups.Of(mounts, _folder.Path(""), _folder.Path("own"));

    private MountInfo Mount(string name, string type, string options)
        => new("/", _folder.Path(name), "rw", type, "cgroup", options);
}
