using System.Text.RegularExpressions;
using Runcvm.Options;

namespace Runcvm.Tests.Options;

public partial class OptionCatalogueTests
{
    [Fact]
    public void Every_option_is_documented_as_the_catalogue_has_it()
    {
        string[] rows = [.. Page().Where(line => line.StartsWith("| `RUNCVM_", StringComparison.Ordinal))];
        string[] expected = [.. OptionCatalogue.All.Select(o => $"| `{o.Name}` | {o.Meaning} | {o.Default} |")];
        Assert.Equal(expected, rows);
    }

    [Fact]
    public void Every_name_on_the_page_is_an_option()
    {
        foreach (Match name in Page().SelectMany(line => Name().Matches(line)))
            Assert.NotNull(OptionCatalogue.Find(name.Value));
    }

    [Fact]
    public void Every_setting_that_only_the_host_has_is_documented()
    {
        string page = string.Join('\n', Page());
        foreach (string key in HostConfig.OwnKeys) Assert.Contains($"| `{key}` |", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RUNCVM_MEMSIZE", "RUNCVM_MEM_SIZE")]
    [InlineData("RUNCVM_CPU", "RUNCVM_CPUS")]
    [InlineData("RUNCVM_KERNAL", "RUNCVM_KERNEL")]
    [InlineData("RUNCVM_STRICTT", "RUNCVM_STRICT")]
    public void An_unknown_name_is_refused_with_the_nearest(string name, string nearest)
    {
        string message = $"{name} is not an option of RunCVM; the nearest name is {nearest}";
        Assert.Equal($"{message} (RUNCVM_STRICT=0 makes this a warning)", Machine.Refusal($"{name}=1"));
        Assert.Equal([message], Machine.Warnings("RUNCVM_STRICT=0", $"{name}=1"));
    }

    [Theory]
    [InlineData("RUNCVM_DISPLAY_MODE=vnc")]
    [InlineData("RUNCVM_QEMU_VNC_DISPLAY=0")]
    [InlineData("RUNCVM_QEMU_VGA=std")]
    [InlineData("RUNCVM_QEMU_DISPLAY=curses")]
    [InlineData("RUNCVM_QEMU_USB=1")]
    [InlineData("RUNCVM_BIOS=EFI")]
    public void What_comes_later_is_refused_and_not_dropped(string entry)
        => Assert.Equal($"{entry} is not available in this version of RunCVM; leave it out", Machine.Refusal(entry));

    [Theory]
    [InlineData("prenet")]
    [InlineData("postnet")]
    [InlineData("premachine")]
    public void A_machine_has_no_place_to_break_but_before_the_workload(string place)
        => Assert.Contains("preinit is before the workload", Machine.Refusal($"RUNCVM_BREAK={place}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("RUNCVM_NET_SPOOF=1", "reaches the host's network; list \"net_spoof\" under allow in /etc/runcvm/config.toml")]
    [InlineData("RUNCVM_SHARE_SOCKETS=1", "reaches the host's services; list \"share_sockets\" under allow in /etc/runcvm/config.toml")]
    public void What_reaches_the_host_needs_the_hosts_leave(string entry, string told)
        => Assert.Contains(told, Machine.Refusal(entry), StringComparison.Ordinal);

    public static TheoryData<string> NamesThatNeedLeave => [.. OptionCatalogue.All.Where(static option => option.NeedsAllow).Select(static option => option.Name)];

    [Theory]
    [MemberData(nameof(NamesThatNeedLeave))]
    public void No_container_switches_on_by_itself_what_needs_the_hosts_leave(string name)
        => Assert.Contains($"list \"{Option.KeyOf(name)}\" under allow", Machine.Refusal("RUNCVM_HYPERVISOR=qemu", "RUNCVM_ACCEL=kvm", $"{name}=1"), StringComparison.Ordinal);

    [Theory]
    [InlineData("runtime_debug = true", "RUNCVM_LOG_LEVEL=OFF", LogLevel.Off)]
    [InlineData("log_level = \"INFO\"", "RUNCVM_LOG_LEVEL=ERROR", LogLevel.Error)]
    public void What_a_container_sets_wins_over_the_hosts_settings(string host, string container, object level)
        => Assert.Equal(level, Machine.With(Machine.Host, HostConfig.Parse(host, "config.toml"), Machine.NoLimits, container).LogLevel);

    [Theory]
    [InlineData("RUNCVM_NETWORK_MODE=bridge")]
    [InlineData("RUNCVM_NETWORK_MODE=host")]
    [InlineData("RUNCVM_ENABLE_BALLOON=1")]
    [InlineData("RUNCVM_ENABLE_BALLOON=0")]
    [InlineData("RUNCVM_BALLOON_SIZE_MIB=0")]
    [InlineData("RUNCVM_HUGETLB=0")]
    [InlineData("RUNCVM_DISPLAY_MODE=headless")]
    [InlineData("RUNCVM_QEMU_VGA=none")]
    [InlineData("RUNCVM_BREAK=none")]
    public void What_this_version_does_anyway_may_be_said(string entry) => Assert.Empty(Machine.Warnings(entry));

    [Theory]
    [InlineData("RUNCVM_ROOTFS=tape")]
    [InlineData("RUNCVM_DISKS=/disks/a")]
    [InlineData("RUNCVM_ENABLE_BALLOON=perhaps")]
    [InlineData("RUNCVM_NETWORK_MODE=moat")]
    [InlineData("RUNCVM_BREAK=lunch")]
    [InlineData("RUNCVM_QEMU_VNC_DISPLAY=-1")]
    public void A_bad_value_is_a_bad_value_in_every_version(string entry)
        => Assert.Contains(" must be ", Machine.Refusal(entry), StringComparison.Ordinal);

    [Theory]
    [InlineData("RUNCVM_SYS_ADMIN")]
    [InlineData("RUNCVM_NFS_VERSION")]
    [InlineData("RUNCVM_FC_KERNEL_PATH")]
    public void Options_of_older_systems_warn_with_what_replaced_them(string name)
        => Assert.StartsWith($"{name} has no effect in this version of RunCVM: ", Assert.Single(Machine.Warnings($"{name}=1")),
            StringComparison.Ordinal);

    private static string[] Page()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Runcvm.slnx"))) folder = Path.GetDirectoryName(folder)!;
        return File.ReadAllLines(Path.Combine(folder, "docs", "options.md"));
    }

    [GeneratedRegex(@"RUNCVM_[A-Z][A-Z_]*")]
    private static partial Regex Name();
}
