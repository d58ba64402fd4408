using System.Runtime.InteropServices;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Tests.Images;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public sealed class SavedMachineKeyTests : IDisposable
{
    private static readonly Hardware Parts = new() { Cpus = 2, MemoryBytes = 512 << 20 };

    private static readonly MachineSettings Settings = new()
    {
        Program = "/runcvm",
        Version = new Version(7, 2),
        Architecture = Architecture.X64,
        Hardware = Parts,
        Vmlinux = "/boot/vmlinux",
        Initramfs = "/boot/initramfs",
        KernelCommandLine = "panic=-1",
        Disks = [],
        Cards = [],
    };

    private readonly TemporaryFolder _folder = new();

    private string[] Files => [_folder.Path("qemu"), _folder.Path("vmlinux")];

    public SavedMachineKeyTests()
    {
        foreach (string file in Files) File.WriteAllText(file, "1");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_same_machine_has_the_same_key_whatever_its_devices()
    {
        string key = SavedMachineKey.Of(Settings, Files);
        Assert.True(SavedMachineKey.IsKey(key));
        MachineSettings other = Settings with { Hardware = Parts with { Balloon = true, VhostNet = true } };
        Assert.Equal(key, SavedMachineKey.Of(other, Files));
    }

    [Fact]
    public void Whatever_the_machine_consists_of_changes_it()
    {
        string key = SavedMachineKey.Of(Settings, Files);
        MachineSettings[] others =
        [
            Settings with { Hardware = Parts with { Cpus = 1 } },
            Settings with { Hardware = Parts with { MemoryBytes = 513 << 20 } },
            Settings with { KernelCommandLine = "panic=-1 quiet" },
            Settings with { Version = new Version(8, 1) },
            Settings with { Hardware = Parts with { UseKvm = true } },
        ];
        Assert.All(others, other => Assert.NotEqual(key, SavedMachineKey.Of(other, Files)));
        File.WriteAllText(Files[0], "12");
        Assert.NotEqual(key, SavedMachineKey.Of(Settings, Files));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("systemd.unified_cgroup_hierarchy=0", true)]
    [InlineData(" systemd.unit=rescue.target  systemd.log_level=debug ", true)]
    [InlineData("systemd.unit=rescue.target quiet", false)]
    [InlineData("nosmp", false)]
    [InlineData("systemd=1", false)]
    [InlineData("\"systemd.a quiet\"", false)]
    [InlineData("-- systemd.a=1", false)]
    public void What_only_programs_read_is_told_from_the_rest(string arguments, bool expected)
        => Assert.Equal(expected, SavedMachineKey.IsForPrograms(arguments));

    [Theory]
    [InlineData(nameof(WarmStart.Never), false, false)]
    [InlineData(nameof(WarmStart.Auto), false, true)]
    [InlineData(nameof(WarmStart.Auto), true, false)]
    [InlineData(nameof(WarmStart.Always), true, true)]
    public void Shares_decide_whether_a_store_is_looked_at(string wish, bool shares, bool looked)
    {
        bool asked = false;
        var choice = WarmChoice.Of(Enum.Parse<WarmStart>(wish), shares, () =>
        {
            asked = true;
            return null;
        }, new SavedMachineStore(_folder.Make("warm")));
        Assert.Null(choice.File);
        Assert.Equal(looked, asked);
    }

    [Fact]
    public void A_host_that_never_saved_a_machine_pays_nothing()
    {
        var store = new SavedMachineStore(_folder.Path("none"));
        static SavedSettings? Settings() => throw new InvalidOperationException("nobody asks for the key");
        Assert.Null(WarmChoice.Of(WarmStart.Auto, false, Settings, store).File);
    }
}
