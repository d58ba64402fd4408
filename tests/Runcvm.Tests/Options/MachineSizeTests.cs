using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class MachineSizeTests
{
    private const long Mebi = 1L << 20;

    [Theory]
    [InlineData("64M", 64)]
    [InlineData("1g", 1024)]
    [InlineData("2048", 2048)]
    [InlineData("1T", 1024 * 1024)]
    [InlineData("65537K", 64)]
    public void Memory_has_binary_units_and_plain_numbers_are_mebibytes(string value, long mebibytes)
        => Assert.Equal(mebibytes * Mebi, Machine.With($"RUNCVM_MEM_SIZE={value}").Hardware.MemoryBytes);

    [Theory]
    [InlineData("63M")]
    [InlineData("2T")]
    [InlineData("1.5G")]
    [InlineData("lots")]
    [InlineData("-1")]
    [InlineData("G")]
    [InlineData("99999999999999999999")]
    [InlineData("9223372036854775807T")]
    public void Memory_out_of_range_is_refused(string value)
        => Assert.Equal(
            $"RUNCVM_MEM_SIZE must be a size from 64M to 1T (a number and K, M, G or T, or a plain number of mebibytes), not '{value}'",
            Machine.Refusal($"RUNCVM_MEM_SIZE={value}"));

    [Theory]
    [InlineData(null, 512)]
    [InlineData(0L, 512)]
    [InlineData(-1L, 512)]
    [InlineData(long.MaxValue - 4095, 512)]
    [InlineData(300 * Mebi + 5, 300)]
    public void Memory_follows_the_container_limit(long? limit, long mebibytes)
    {
        MachineOptions options = Machine.With(Machine.NoLimits with { MemoryLimitBytes = limit });
        Assert.Equal(mebibytes * Mebi, options.Hardware.MemoryBytes);
    }

    [Fact]
    public void A_limit_that_is_too_small_is_named_with_the_least()
    {
        UsageException e = Assert.Throws<UsageException>(() => Machine.With(Machine.NoLimits with { MemoryLimitBytes = 32 * Mebi }));
        Assert.Equal("the memory limit (-m) of a machine must be from 64M to 1T, not 32M", e.Message);
    }

    [Fact]
    public void A_variable_may_ask_for_less_than_the_limit_but_not_for_more()
    {
        SpecResources limited = Machine.NoLimits with { MemoryLimitBytes = 512 * Mebi };
        Assert.Equal(128 * Mebi, Machine.With(limited, "RUNCVM_MEM_SIZE=128M").Hardware.MemoryBytes);
        Assert.Contains("-m", Assert.Throws<UsageException>(() => Machine.With(limited, "RUNCVM_MEM_SIZE=1G")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("64M", 64)]
    [InlineData("20G", 20 * 1024)]
    [InlineData("16t", 16 * 1024 * 1024)]
    public void The_scratch_disk_has_a_size(string value, long mebibytes)
        => Assert.Equal(mebibytes * Mebi, Machine.With($"RUNCVM_ROOTFS_SIZE={value}").ScratchSizeBytes);

    [Theory]
    [InlineData("10")]
    [InlineData("1M")]
    [InlineData("17T")]
    public void The_scratch_disk_needs_a_unit(string value)
        => Assert.Equal(
            $"RUNCVM_ROOTFS_SIZE must be a size from 64M to 16T (a number and K, M, G or T), not '{value}'",
            Machine.Refusal($"RUNCVM_ROOTFS_SIZE={value}"));

    [Theory]
    [InlineData(150_000L, 100_000L, 2)]
    [InlineData(50_000L, 100_000L, 1)]
    [InlineData(300_000L, null, 3)]
    [InlineData(300_000L, 0L, 3)]
    [InlineData(-1L, 100_000L, 2)]
    [InlineData(long.MaxValue, 1L, 8)]
    public void Cpus_follow_the_quota_rounded_up(long? quota, long? period, int cpus)
    {
        SpecResources limits = Machine.NoLimits with { CpuQuota = quota, CpuPeriod = period };
        Assert.Equal(cpus, Machine.With(limits).Hardware.Cpus);
    }

    [Theory]
    [InlineData("0-3,7", 5)]
    [InlineData("0", 1)]
    [InlineData("0-31", 32)]
    [InlineData("0-63,64-95", 96)]
    [InlineData("3-40,5-6,40", 38)]
    [InlineData("127", 1)]
    public void Cpus_follow_the_cpuset_on_large_hosts(string list, int cpus)
    {
        SpecResources limits = Machine.NoLimits with { CpusetCpus = list };
        MachineOptions options = Machine.With(Machine.Host with { Cpus = 128 }, new HostConfig(), limits);
        Assert.Equal(cpus, options.Hardware.Cpus);
    }

    [Theory]
    [InlineData("3-1")]
    [InlineData("a")]
    [InlineData("1-2-3")]
    [InlineData("0-99999999")]
    [InlineData("1,,2")]
    public void A_cpuset_that_is_none_is_refused(string list)
        => Assert.Contains("--cpuset-cpus", Assert.Throws<UsageException>(
            () => Machine.With(Machine.NoLimits with { CpusetCpus = list })).Message, StringComparison.Ordinal);

    [Fact]
    public void Cpus_are_never_more_than_the_host_has()
    {
        Assert.Equal(8, Machine.With("RUNCVM_CPUS=64").Hardware.Cpus);
        Assert.Equal(["RUNCVM_CPUS=64 is more than this host has; the machine gets 8"], Machine.Warnings("RUNCVM_CPUS=64"));
        Assert.Equal(1, Machine.With(Machine.Host with { Cpus = 1 }, new HostConfig(), Machine.NoLimits).Hardware.Cpus);
        Assert.Equal(4, Machine.With(Machine.NoLimits with { CpuQuota = 100_000 }, "RUNCVM_CPUS=4").Hardware.Cpus);
    }
}
