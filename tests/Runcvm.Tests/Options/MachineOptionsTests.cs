using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class MachineOptionsTests
{
    [Fact]
    public void Nothing_set_gives_the_documented_defaults()
    {
        MachineOptions options = Machine.With();

        Assert.Equal(Hypervisor.Qemu, options.Hypervisor);
        Assert.False(options.Hardware.UseKvm);
        Assert.Equal(2, options.Hardware.Cpus);
        Assert.Equal(512L << 20, options.Hardware.MemoryBytes);
        Assert.Null(options.Kernel);
        Assert.Equal("", options.KernelArguments);
        Assert.False(options.MountAllModules);
        Assert.False(options.KernelDebug);
        Assert.Equal(CgroupMode.V2, options.CgroupMode);
        Assert.False(options.Systemd);
        Assert.False(options.Init);
        Assert.Equal(10L << 30, options.ScratchSizeBytes);
        Assert.Equal(LogLevel.Error, options.LogLevel);
        Assert.True(options.Strict);
    }

    [Fact]
    public void The_commands_of_the_guide_are_understood()
    {
        MachineOptions options = Machine.With(
            "PATH=/usr/bin", "RUNCVM_HYPERVISOR=qemu", "RUNCVM_SYSTEMD=true",
            "RUNCVM_KERNEL_ARGS=systemd.unified_cgroup_hierarchy=0");

        Assert.True(options.Systemd);
        Assert.Equal(1L << 30, options.Hardware.MemoryBytes);
        Assert.Equal("systemd.unified_cgroup_hierarchy=0", options.KernelArguments);
        Assert.Equal(CgroupMode.V1, options.CgroupMode);
    }

    [Fact]
    public void The_last_of_two_values_counts_and_an_empty_one_takes_back()
    {
        Assert.Equal(1, Machine.With("RUNCVM_CPUS=3", "RUNCVM_CPUS=1").Hardware.Cpus);
        Assert.Equal(2, Machine.With("RUNCVM_CPUS=3", "RUNCVM_CPUS=").Hardware.Cpus);
        Assert.Equal(2, Machine.With("RUNCVM_CPUS").Hardware.Cpus);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("TRUE", true)]
    [InlineData("yes", true)]
    [InlineData("On", true)]
    [InlineData("0", false)]
    [InlineData("false", false)]
    [InlineData("no", false)]
    [InlineData("off", false)]
    public void Booleans_have_four_words_each(string value, bool meaning)
        => Assert.Equal(meaning, Machine.With($"RUNCVM_INIT={value}").Init);

    [Fact]
    public void A_bad_value_is_named_with_what_is_accepted()
        => Assert.Equal(
            "RUNCVM_INIT must be 1, true, yes or on, or 0, false, no or off, not 'ma?ybe'",
            Machine.Refusal("RUNCVM_INIT=ma\nybe"));

    [Theory]
    [InlineData("auto", true, true)]
    [InlineData("auto", false, false)]
    [InlineData("0", true, false)]
    [InlineData("1", false, true)]
    public void Systemd_is_seen_from_the_command_unless_said(string value, bool seen, bool expected)
        => Assert.Equal(expected, Machine.With(Machine.NoLimits with { WorkloadIsSystemd = seen }, $"RUNCVM_SYSTEMD={value}").Systemd);

    [Theory]
    [InlineData("none", CgroupMode.None)]
    [InlineData("systemd", CgroupMode.None)]
    [InlineData("cgroup1", CgroupMode.V1)]
    [InlineData("2", CgroupMode.V2)]
    [InlineData("mixed", CgroupMode.Hybrid)]
    public void A_cgroup_mode_beats_the_kernel_arguments(string value, object mode)
        => Assert.Equal(mode, Machine.With(
            $"RUNCVM_CGROUPFS={value}", "RUNCVM_KERNEL_ARGS=systemd.unified_cgroup_hierarchy=0").CgroupMode);

    [Theory]
    [InlineData("systemd.unified_cgroup_hierarchy=no", CgroupMode.V1)]
    [InlineData("systemd.unified_cgroup_hierarchy=1", CgroupMode.V2)]
    [InlineData("systemd.unified_cgroup_hierarchy", CgroupMode.V2)]
    [InlineData("systemd.unified_cgroup_hierarchy=0 systemd.unified_cgroup_hierarchy=1", CgroupMode.V2)]
    [InlineData("xsystemd.unified_cgroup_hierarchy=0", CgroupMode.V2)]
    public void The_cgroup_version_follows_the_kernel_arguments(string arguments, object mode)
        => Assert.Equal(mode, Machine.With($"RUNCVM_KERNEL_APPEND={arguments}").CgroupMode);

    [Fact]
    public void Kernel_arguments_come_in_order_and_on_one_line()
    {
        Assert.Equal("a=1 b c", Machine.With("RUNCVM_KERNEL_APPEND=c", "RUNCVM_KERNEL_ARGS= a=1 b ").KernelArguments);
        Assert.Contains("one line", Machine.Refusal("RUNCVM_KERNEL_ARGS=quiet\ninit=/x"), StringComparison.Ordinal);
        Assert.Contains("1024", Machine.Refusal("RUNCVM_KERNEL_APPEND=" + new string('x', 1025)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("debian")]
    [InlineData("debian/6.1.0-44-cloud-amd64")]
    [InlineData("/usr/local/lib/runcvm/kernels/tuned/6.12")]
    public void A_kernel_is_named_out_of_the_store(string name) => Assert.Equal(name, Machine.With($"RUNCVM_KERNEL={name}").Kernel);

    [Theory]
    [InlineData("../debian")]
    [InlineData("debian/../../etc")]
    [InlineData("debian/6/1")]
    [InlineData("/")]
    [InlineData("/usr//lib")]
    [InlineData("/usr/lib/../../etc/shadow")]
    [InlineData("a b")]
    public void A_kernel_outside_the_store_is_refused(string name)
        => Assert.Contains("RUNCVM_KERNEL must be", Machine.Refusal($"RUNCVM_KERNEL={name}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("RUNCVM_LOG_LEVEL=off", LogLevel.Off)]
    [InlineData("RUNCVM_LOG_LEVEL=INFO", LogLevel.Info)]
    [InlineData("RUNCVM_RUNTIME_DEBUG=1", LogLevel.Debug)]
    [InlineData("RUNCVM_QEMU_DEBUG=1", LogLevel.Debug)]
    [InlineData("RUNCVM_BIOS_DEBUG=0", LogLevel.Error)]
    public void The_log_level_has_older_names(string entry, object level) => Assert.Equal(level, Machine.With(entry).LogLevel);

    [Fact]
    public void The_workload_sees_none_of_it()
        => Assert.Equal(
            ["A=1", "runcvm_x=1", "RUNCVM=1"],
            MachineOptions.WithoutRuncvm(["A=1", "RUNCVM_CPUS=1", "runcvm_x=1", "RUNCVM_TYPO", "RUNCVM=1"]));
}
