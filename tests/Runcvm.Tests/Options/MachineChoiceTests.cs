using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class MachineChoiceTests
{
    private static readonly HostFacts RealKvm = Machine.Host with { KvmIsReal = true, FirecrackerPath = "/usr/bin/firecracker" };

    [Fact]
    public void Firecracker_without_real_kvm_names_the_way_out()
        => Assert.Equal(
            "RUNCVM_HYPERVISOR=firecracker needs KVM, and this host has none that is real (no vmx or svm in /proc/cpuinfo); "
            + "set RUNCVM_HYPERVISOR=qemu, which also runs without KVM",
            Machine.Refusal("RUNCVM_HYPERVISOR=firecracker"));

    [Fact]
    public void Firecracker_with_kvm_is_of_a_later_version()
        => Assert.Contains("set RUNCVM_HYPERVISOR=qemu", Machine.Refusal(RealKvm, "RUNCVM_HYPERVISOR=firecracker"), StringComparison.Ordinal);

    [Fact]
    public void Auto_is_qemu_on_every_host_in_this_version()
        => Assert.Equal(Hypervisor.Qemu, Machine.With(RealKvm, new HostConfig(), Machine.NoLimits, "RUNCVM_HYPERVISOR=auto").Hypervisor);

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
            Machine.Host with { KvmIsReal = real }, new HostConfig(), Machine.NoLimits, $"RUNCVM_ACCEL={value}").UseKvm);

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
