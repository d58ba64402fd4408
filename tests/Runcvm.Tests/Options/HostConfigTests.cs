using System.Runtime.InteropServices;
using Runcvm.Options;

namespace Runcvm.Tests.Options;

public class HostConfigTests
{
    [Fact]
    public void No_file_leaves_every_default()
    {
        HostConfig config = HostConfig.Load("/does/not/exist.toml");
        Assert.Null(config.LowLevelRuntime);
        Assert.Null(config.Qemu);
        Assert.Equal(TimeSpan.FromSeconds(120), config.BootTimeout);
        Assert.Empty(config.Allow);
        Assert.Empty(config.Options);
    }

    [Fact]
    public void Every_kind_of_setting_is_read()
    {
        HostConfig config = Parse("""
            # the host's own
            low_level_runtime = "crun"
            qemu = '/opt/qemu'   # literal
            firecracker = "/opt/fire"
            boot_timeout = 30
            allow = ["hugetlb", "RUNCVM_QEMU_NET_VHOST"]
            mem_size = "1G"
            cpus = 3
            init = true
            """);

        Assert.Equal(("crun", "/opt/qemu", "/opt/fire"), (config.LowLevelRuntime, config.Qemu, config.Firecracker));
        Assert.Equal(TimeSpan.FromSeconds(30), config.BootTimeout);
        Assert.Equal(new HashSet<string> { "RUNCVM_HUGETLB", "RUNCVM_QEMU_NET_VHOST" }, config.Allow);
        MachineOptions options = Machine.With(Machine.Host, config, Machine.NoLimits);
        Assert.Equal((1L << 30, 3, true), (options.Hardware.MemoryBytes, options.Hardware.Cpus, options.Init));
    }

    [Theory]
    [InlineData("x86-64", Architecture.X64)]
    [InlineData("arm64", Architecture.Arm64)]
    public void Guests_may_be_of_another_architecture_and_then_no_KVM_is_theirs(string name, Architecture architecture)
    {
        HostConfig config = Parse($"guest_architecture = \"{name}\"");
        Assert.Equal(architecture, config.GuestArchitecture);
        HostFacts host = HostFacts.Look(config, "/usr/local/lib/runcvm");
        if (architecture != RuntimeInformation.ProcessArchitecture) Assert.False(host.KvmExists || host.KvmIsReal || host.Firecracker != null);
        Assert.Contains("must be x86-64 or arm64, not 'vax'", Assert.Throws<UsageException>(() => Parse("guest_architecture = \"vax\"")).Message);
    }

    [Fact]
    public void A_container_has_the_last_word()
    {
        HostConfig config = Parse("mem_size = \"1G\"\ncpus = 3\ninit = true\nsystemd = true");
        SpecResources limited = Machine.NoLimits with { MemoryLimitBytes = 256L << 20, CpuQuota = 100_000 };

        MachineOptions options = Machine.With(Machine.Host, config, limited, "RUNCVM_INIT=0");

        Assert.Equal((256L << 20, 1), (options.Hardware.MemoryBytes, options.Hardware.Cpus));
        Assert.Equal((false, true), (options.Init, options.Systemd));
    }

    [Fact]
    public void Strict_can_be_loosened_for_the_host_and_tightened_again()
    {
        HostConfig config = Parse("strict = false");
        Assert.False(Machine.With(Machine.Host, config, Machine.NoLimits, "RUNCVM_TYPO=1").Strict);
        Assert.Throws<UsageException>(() => Machine.With(Machine.Host, config, Machine.NoLimits, "RUNCVM_TYPO=1", "RUNCVM_STRICT=1"));
    }

    [Fact]
    public void A_bad_default_is_named_with_file_and_line()
    {
        HostConfig config = Parse("\nmem_size = \"lots\"");
        UsageException e = Assert.Throws<UsageException>(() => Machine.With(Machine.Host, config, Machine.NoLimits));
        Assert.StartsWith("mem_size (/etc/test.toml line 2) must be a size from 64M to 1T", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\nmem_size = \"1G\"", "/etc/test.toml line 1: ")]
    [InlineData("cpus = 1\ncpus = 2", "/etc/test.toml line 2: ")]
    [InlineData("\n[machine]\ncpus = 1", "/etc/test.toml line 2: RunCVM has no [tables]")]
    [InlineData("cpu = 1", "cpu (/etc/test.toml line 1) is not a setting of RunCVM; the nearest name is cpus")]
    [InlineData("a.b = 1", "a.b (/etc/test.toml line 1) is not a setting")]
    [InlineData("sys_admin = 1", "sys_admin (/etc/test.toml line 1) is not a setting")]
    [InlineData("CPUS = 1", "CPUS (/etc/test.toml line 1) is not a setting")]
    [InlineData("boot_timeout = 0", "boot_timeout (/etc/test.toml line 1) must be a number from 1 to 3600, not '0'")]
    [InlineData("qemu = \"bin/qemu\"", "qemu (/etc/test.toml line 1) must be an absolute path, not 'bin/qemu'")]
    [InlineData("qemu = 1979-05-27", "qemu (/etc/test.toml line 1) must be a \"text\"")]
    [InlineData("cpus = [1]", "cpus (/etc/test.toml line 1) must be one value")]
    [InlineData("low_level_runtime = \"\"", "low_level_runtime (/etc/test.toml line 1) must be one value")]
    [InlineData("allow = \"hugetlb\"", "allow (/etc/test.toml line 1) must be a list")]
    [InlineData("allow = [\"everything\"]", "allow (/etc/test.toml line 1) may list ")]
    public void What_it_does_not_know_is_refused_with_the_line(string text, string message)
        => Assert.StartsWith(message, Assert.Throws<UsageException>(() => Parse(text)).Message, StringComparison.Ordinal);

    private static HostConfig Parse(string text) => HostConfig.Parse(text, "/etc/test.toml");
}
