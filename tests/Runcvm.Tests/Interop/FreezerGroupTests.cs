using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Interop;

/// <summary>A tree of plain files takes the place of proc and cgroupfs: there a test cannot make a thread of the kernel's. The lab of
/// tests/kvm-lab pauses a machine that has one.</summary>
public sealed class FreezerGroupTests : IDisposable
{
    private const int Supervisor = 70;
    private const int KernelThread = 71;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("runcvm-freezer");

    private string Proc => Path.Combine(_folder.FullName, "proc");

    private string Groups => Path.Combine(_folder.FullName, "cgroup");

    private string Group => Path.Combine(Groups, "docker", "machine");

    public void Dispose() => _folder.Delete(true);

    [Theory]
    [InlineData("0::/docker/machine\n", "cgroup2", "rw", "cgroup.freeze", "0")]
    [InlineData("9:cpu,cpuacct:/elsewhere\n6:freezer:/docker/machine\n0::/init\n", "cgroup", "rw,freezer", "freezer.state", "THAWED")]
    public void The_kernels_threads_leave_and_the_others_can_go_on(string groups, string type, string options, string state, string thawed)
    {
        MakeTree(groups, type, options);
        FreezerGroup group = FreezerGroup.TryOf(Supervisor, Proc)!;
        group.ReleaseKernelThreads();
        Assert.Equal($"{KernelThread}", File.ReadAllText(Path.Combine(Groups, "cgroup.procs")));
        Assert.True(group.TryThaw());
        Assert.Equal(thawed, File.ReadAllText(Path.Combine(Group, state)));
    }

    [Theory]
    [InlineData("0::/../elsewhere\n", "cgroup2")]
    [InlineData("0::/docker/machine\n", "tmpfs")]
    [InlineData("9:cpu:/docker/machine\n", "cgroup2")]
    public void What_is_not_seen_from_here_is_not_touched(string groups, string type)
    {
        MakeTree(groups, type, "rw");
        Assert.Null(FreezerGroup.TryOf(Supervisor, Proc));
        Assert.Null(FreezerGroup.TryOf(KernelThread + 1, Proc));
    }

    private void MakeTree(string groups, string type, string options)
    {
        Directory.CreateDirectory(Group);
        Directory.CreateDirectory(Path.Combine(Proc, "self"));
        File.WriteAllText(Path.Combine(Proc, "self", "mountinfo"), $"32 31 0:29 / {Groups} rw,relatime - {type} cgroup {options}\n");
        MakeProcess(Supervisor, "(a name) (with 8 fields)", 4194560);
        MakeProcess(KernelThread, "(kvm-nx-lpage-recovery-432)", 2129984);
        File.WriteAllText(Path.Combine(Proc, $"{Supervisor}", "cgroup"), groups);
        // The last two: one that has just ended, and one of another pid namespace.
        File.WriteAllText(Path.Combine(Group, "cgroup.procs"), $"{Supervisor}\n{KernelThread}\n72\n0\n");
    }

    private void MakeProcess(int id, string name, uint flags)
    {
        Directory.CreateDirectory(Path.Combine(Proc, $"{id}"));
        File.WriteAllText(Path.Combine(Proc, $"{id}", "stat"), $"{id} {name} S 2 0 0 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 2301 0 0\n");
    }
}
