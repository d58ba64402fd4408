using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class MachineChoiceTests
{
    [Fact]
    public void The_hosts_kernel_carries_packets_for_qemu_with_kvm_only_and_with_the_hosts_leave()
    {
        HostConfig allows = HostConfig.Parse("allow = [\"qemu_net_vhost\"]", "config.toml");
        HostConfig usual = HostConfig.Parse("qemu_net_vhost = true", "config.toml");
        HostFacts kvm = Machine.Host with { KvmIsReal = true };
        Assert.True(Machine.With(kvm, allows, Machine.NoLimits, "RUNCVM_QEMU_NET_VHOST=1").Hardware.VhostNet);
        Assert.Contains("list \"qemu_net_vhost\" under allow", Machine.Refusal(kvm, "RUNCVM_QEMU_NET_VHOST=1"), StringComparison.Ordinal);
        Assert.Equal("RUNCVM_QEMU_NET_VHOST needs KVM, which this machine does without; leave it out", Machine.Refusal("RUNCVM_QEMU_NET_VHOST=1"));
        Assert.True(Machine.With(kvm, usual, Machine.NoLimits).Hardware.VhostNet);
        Assert.False(Machine.With(Machine.Host, usual, Machine.NoLimits).Hardware.VhostNet);
    }

    private static readonly HostFacts RealKvm = Machine.Host with { KvmIsReal = true, Firecracker = new("/usr/bin/firecracker") };
    private static readonly HostFacts WithDouble = Machine.Host with { Firecracker = new("/usr/bin/firecracker", IsTestDouble: true) };

    [Theory]
    [InlineData("qemu", null, null, true, false)]
    [InlineData("firecracker", null, null, false, false)]
    [InlineData("firecracker", "RUNCVM_ROOTFS=share", null, true, true)]
    [InlineData("qemu", "RUNCVM_ROOTFS=block", "share", false, true)]
    [InlineData("qemu", null, "block", false, false)]
    public void The_root_is_a_share_where_there_is_a_device_for_it(string hypervisor, string? variable, string? ofHost, bool isShare, bool isChosen)
    {
        HostConfig config = ofHost == null ? new HostConfig() : HostConfig.Parse($"rootfs = \"{ofHost}\"", "config.toml");
        MachineOptions options = Machine.With(RealKvm, config, Machine.NoLimits, [$"RUNCVM_HYPERVISOR={hypervisor}", .. variable == null ? [] : (string[])[variable]]);
        Assert.Equal((isShare, isChosen), (options.RootIsShare, options.RootIsChosen));
    }

    [Fact]
    public void Firecracker_with_kvm_is_what_was_asked_for()
    {
        MachineOptions options = Machine.With(RealKvm, new HostConfig(), Machine.NoLimits, "RUNCVM_HYPERVISOR=firecracker");
        Assert.Equal(Hypervisor.Firecracker, options.Hypervisor);
        Assert.True(options.Hardware.UseKvm);
    }

    [Fact]
    public void A_test_double_runs_without_kvm_but_only_when_it_is_asked_for()
    {
        MachineOptions options = Machine.With(WithDouble, new HostConfig(), Machine.NoLimits, "RUNCVM_HYPERVISOR=firecracker");
        Assert.Equal(Hypervisor.Firecracker, options.Hypervisor);
        Assert.False(options.Hardware.UseKvm);
        Assert.Equal(Hypervisor.Qemu, Machine.With(WithDouble, new HostConfig(), Machine.NoLimits).Hypervisor);
    }

    [Theory]
    [InlineData("RUNCVM_HYPERVISOR=auto", true)]
    [InlineData("RUNCVM_ACCEL=tcg", false)]
    [InlineData("RUNCVM_HYPERVISOR=qemu", false)]
    public void Auto_is_firecracker_where_kvm_is_real_and_the_binary_there(string entry, bool isFirecracker)
        => Assert.Equal(isFirecracker, Machine.With(RealKvm, new HostConfig(), Machine.NoLimits, entry).Hypervisor == Hypervisor.Firecracker);

    [Fact]
    public void Auto_is_qemu_without_the_binary_or_without_real_kvm()
    {
        Assert.Equal(Hypervisor.Qemu, Machine.With(RealKvm with { Firecracker = null }, new HostConfig(), Machine.NoLimits).Hypervisor);
        Assert.Equal(Hypervisor.Qemu, Machine.With(RealKvm with { KvmIsReal = false }, new HostConfig(), Machine.NoLimits).Hypervisor);
    }

    [Fact]
    public void More_cpus_than_firecracker_can_give_are_qemus_or_an_error()
    {
        HostFacts large = RealKvm with { Cpus = 64 };
        Assert.Equal(Hypervisor.Qemu, Machine.With(large, new HostConfig(), Machine.NoLimits, "RUNCVM_CPUS=33").Hypervisor);
        Assert.Contains("RUNCVM_CPUS=33", Machine.Refusal(large, "RUNCVM_HYPERVISOR=firecracker", "RUNCVM_CPUS=33"), StringComparison.Ordinal);
        SpecResources quota = Machine.NoLimits with { CpuQuota = 4_000_000, CpuPeriod = 100_000 };
        Assert.Equal(32, Machine.With(large, new HostConfig(), quota, "RUNCVM_HYPERVISOR=firecracker").Hardware.Cpus);
    }

    [Fact]
    public void A_host_without_qemu_says_how_to_get_it()
        => Assert.Contains("apt-get install", Machine.Refusal(Machine.Host with { QemuPath = null }), StringComparison.Ordinal);

    [Fact]
    public void A_qemu_that_the_sandbox_does_not_show_is_refused()
        => Assert.StartsWith("QEMU is at /opt/qemu/bin/qemu, which the sandbox that it runs in does not show; install it below /usr",
            Machine.Refusal(Machine.Host with { QemuPath = "/opt/qemu/bin/qemu" }), StringComparison.Ordinal);

    [Theory]
    [InlineData("auto", true, true)]
    [InlineData("auto", false, false)]
    [InlineData("kvm", false, true)]
    [InlineData("tcg", true, false)]
    public void Kvm_is_used_where_it_is_real_or_asked_for(string value, bool real, bool expected)
        => Assert.Equal(expected, Machine.With(
            Machine.Host with { KvmIsReal = real }, new HostConfig(), Machine.NoLimits, $"RUNCVM_ACCEL={value}").Hardware.UseKvm);

    [Fact]
    public void Kvm_asked_for_without_the_device_is_refused()
        => Assert.StartsWith("RUNCVM_ACCEL=kvm needs /dev/kvm", Machine.Refusal(Machine.Host with { KvmExists = false }, "RUNCVM_ACCEL=kvm"),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("flags\t\t: fpu vmx sse", true)]
    [InlineData("flags\t\t: fpu svm", true)]
    [InlineData("flags\t\t: fpu sse svm_lock", false)]
    [InlineData("Features\t: fp asimd", false)]
    public void The_cpu_says_whether_kvm_is_real(string line, bool real)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, $"processor\t: 0\n{line}\n");
        Assert.Equal(real, HostFacts.HasVirtualization(file));
        File.Delete(file);
    }
}
