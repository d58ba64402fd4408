using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class MachineMemoryTests
{
    private static readonly HostFacts WithFirecracker =
        new(8, true, new FirecrackerProgram("/usr/local/bin/firecracker", false), "/usr/bin/qemu-system-x86_64", true);

    private static readonly HostConfig Allows = HostConfig.Parse("allow = [\"hugetlb\", \"qemu_mem_prealloc\"]", "config.toml");

    [Fact]
    public void A_balloon_is_there_and_empty_unless_said()
    {
        Assert.True(Machine.With().Hardware.Balloon);
        Assert.Equal(0, Machine.With().Hardware.BalloonMebibytes);
        Assert.False(Machine.With("RUNCVM_ENABLE_BALLOON=0").Hardware.Balloon);
        Assert.Equal(448, Firecracker("RUNCVM_BALLOON_SIZE_MIB=448").Hardware.BalloonMebibytes);
    }

    [Theory]
    [InlineData("leaves the machine too little of its 512M: it needs 64M, so at most 448", "RUNCVM_BALLOON_SIZE_MIB=449")]
    [InlineData("needs the balloon that RUNCVM_ENABLE_BALLOON=0 leaves out", "RUNCVM_BALLOON_SIZE_MIB=1", "RUNCVM_ENABLE_BALLOON=0")]
    public void A_balloon_that_cannot_be_is_refused(string why, params string[] environment)
        => Assert.Contains(why, Machine.Refusal(WithFirecracker, environment), StringComparison.Ordinal);

    [Fact]
    public void What_takes_memory_of_the_host_needs_its_leave()
    {
        Assert.Contains("list \"hugetlb\" under allow", Machine.Refusal("RUNCVM_HUGETLB=1"), StringComparison.Ordinal);
        Assert.Contains("list \"qemu_mem_prealloc\" under allow", Machine.Refusal("RUNCVM_QEMU_MEM_PREALLOC=1"), StringComparison.Ordinal);
        MachineOptions options = Machine.With(Machine.Host, Allows, Machine.NoLimits, "RUNCVM_HUGETLB=1", "RUNCVM_QEMU_MEM_PREALLOC=1");
        Assert.True(options.Hardware.HugePages);
        Assert.True(options.Hardware.PreallocateMemory);
    }

    [Fact]
    public void Huge_pages_are_whole_ones()
        => Assert.Contains("ask for an even number of mebibytes", Machine.Refusal("RUNCVM_HUGETLB=1", "RUNCVM_MEM_SIZE=65M"), StringComparison.Ordinal);

    [Theory]
    [InlineData("255\n", false)]
    [InlineData("256\n", true)]
    [InlineData(null, false)]
    public void There_must_be_enough_of_them(string? free, bool enough)
    {
        string pool = Path.GetTempFileName();
        if (free == null) File.Delete(pool);
        else File.WriteAllText(pool, free);
        MachineOptions options = Machine.With(Machine.Host, Allows, Machine.NoLimits, "RUNCVM_HUGETLB=1");
        var refusal =
            Record.Exception(() => MachineMemory.CheckHugePages(options.Hardware, pool)) as UsageException;
        File.Delete(pool);
        Assert.Equal(enough, refusal == null);
        if (!enough)
            Assert.Equal($"RUNCVM_HUGETLB needs 256 free huge pages of 2 MiB for 512M, and this host has {free?.Trim() ?? "0"}; raise vm.nr_hugepages there, or leave the option out", refusal!.Message);
    }

    [Fact]
    public void A_wish_for_preallocation_is_one_for_qemu()
    {
        Assert.Equal(Hypervisor.Firecracker, Firecracker().Hypervisor);
        Assert.Equal(Hypervisor.Qemu, Machine.With(WithFirecracker, Allows, Machine.NoLimits, "RUNCVM_QEMU_MEM_PREALLOC=1").Hypervisor);
        Assert.StartsWith(
            "RUNCVM_QEMU_MEM_PREALLOC is for QEMU, and Firecracker cannot do it",
            Machine.Refusal(WithFirecracker, "RUNCVM_QEMU_MEM_PREALLOC=1", "RUNCVM_HYPERVISOR=firecracker"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_host_says_of_qemu_leaves_firecracker_alone()
    {
        HostConfig config = HostConfig.Parse("qemu_mem_prealloc = true", "config.toml");
        MachineOptions auto = Machine.With(WithFirecracker, config, Machine.NoLimits);
        Assert.Equal(Hypervisor.Firecracker, auto.Hypervisor);
        Assert.False(auto.Hardware.PreallocateMemory);
        Assert.True(Machine.With(Machine.Host, config, Machine.NoLimits).Hardware.PreallocateMemory);
    }

    private static MachineOptions Firecracker(params string[] environment)
        => Machine.With(WithFirecracker, new HostConfig(), Machine.NoLimits, environment);
}
