using System.Runtime.InteropServices;
using Runcvm.Hypervisors;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Machines;

namespace Runcvm.Tests.Machines;

public class KernelCommandLineTests
{
    [Fact]
    public void The_users_arguments_come_last_and_win()
    {
        string line = KernelCommandLine.Build(Architecture.X64, QemuHypervisor.Reset, useKvm: false, 2_400_000, debug: false, "apparmor=1 systemd.unified_cgroup_hierarchy=0");
        Assert.EndsWith(" tsc_early_khz=2400000 lpj=9600000 tsc=reliable apparmor=1 systemd.unified_cgroup_hierarchy=0", line);
        Assert.True(line.IndexOf("apparmor=0", StringComparison.Ordinal) < line.IndexOf("apparmor=1", StringComparison.Ordinal));
    }

    [Fact]
    public void Under_kvm_the_clock_is_the_hosts()
        => Assert.DoesNotContain("tsc", KernelCommandLine.Build(Architecture.X64, QemuHypervisor.Reset, useKvm: true, 2_400_000, debug: false, ""));

    [Fact]
    public void An_unknown_clock_is_not_promised()
        => Assert.DoesNotContain("tsc", KernelCommandLine.Build(Architecture.X64, QemuHypervisor.Reset, useKvm: false, 0, debug: false, ""));

    [Theory]
    [InlineData(false, "loglevel=4")]
    [InlineData(true, "loglevel=7")]
    public void The_console_shows_errors_or_everything_from_its_first_character_on(bool debug, string level)
        => Assert.StartsWith($"{level} earlycon=", KernelCommandLine.Build(Architecture.X64, QemuHypervisor.Reset, useKvm: true, 0, debug, ""));

    [Fact]
    public void There_is_one_space_between_arguments_and_none_at_the_end()
        => Assert.DoesNotContain("", KernelCommandLine.Build(Architecture.X64, QemuHypervisor.Reset, useKvm: true, 0, debug: false, "").Split(' '));

    [Theory]
    [InlineData("qemu", "reboot=t")]
    [InlineData("firecracker", "reboot=k")]
    public void Each_hypervisor_is_ended_in_its_way(string hypervisor, string end)
    {
        string reset = KnownHypervisors.TryFind(hypervisor)!.ResetArgument;
        Assert.Contains(
            end, KernelCommandLine.Build(Architecture.X64, reset, useKvm: true, 0, debug: false, "").Split(' '));
    }

    [Fact]
    public void An_arm64_guest_is_told_nothing_of_what_only_pcs_have()
        => Assert.Equal(
            "loglevel=4 earlycon keep_bootcon panic=-1 cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1 apparmor=0",
            KernelCommandLine.Build(Architecture.Arm64, QemuHypervisor.Reset, useKvm: false, 2_400_000, debug: false, ""));
}
