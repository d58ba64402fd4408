using Runcvm.Machines;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public class TemplateTraitsTests
{
    private static readonly MachineDescription Machine = new()
    {
        Hypervisor = "/usr/bin/qemu",
        HypervisorUser = 1,
        Hardware = new Hardware { Cpus = 2, MemoryBytes = 512L << 20 },
        KernelCommandLine = "loglevel=4 tsc_early_khz=2000000 lpj=8000000",
        Disks = [new MachineDisk("root", "/disks/root", true), new MachineDisk("scratch", "/disks/scratch", false)],
    };

    private static readonly Setup Set = new() { ScratchDisk = "scratch", HostName = "one", Clock = 1 };

    private static readonly ProcessSpec Process = new()
    {
        Arguments = ["sh"],
        Environment = [],
        WorkingDirectory = "/",
    };

    private static readonly MachineRecord Record = new() { Kernel = "debian/6.1", Bundle = "/bundle" };

    [Fact]
    public void Who_the_machine_is_and_what_its_clock_measured_makes_no_difference()
    {
        Assert.Null(Difference(
            Machine with { HypervisorUser = 2, KernelCommandLine = "loglevel=4 tsc_early_khz=2000777 lpj=8003108" },
            Set with { HostName = "another", Files = [], Clock = 5, Entropy = [1] }));
    }

    [Fact]
    public void Files_of_the_engine_may_have_another_content_and_no_other_place()
    {
        var file = new GuestFile("/etc/hosts", [1], 0x1A4, false);
        Setup set = Set with { Files = [file] };
        Assert.Null(Difference(set, set with { Files = [file with { Content = [2, 3] }] }));
        Setup moved = set with { Files = [file with { Target = "/etc/host" }] };
        Assert.Contains("files of the engine", Difference(set, moved));
    }

    [Fact]
    public void What_cannot_change_is_named_with_both_values()
    {
        Assert.Equal("vCPUs: it has '2', and this machine would have '4'",
            Difference(Machine with { Hardware = Machine.Hardware with { Cpus = 4 } }, Set));
        Assert.Equal("memory in MiB: it has '512', and this machine would have '256'",
            Difference(Machine with { Hardware = Machine.Hardware with { MemoryBytes = 256L << 20 } }, Set));
        Assert.Contains("kernel arguments", Difference(Machine with { KernelCommandLine = "nokaslr" }, Set));
        Assert.Contains("clock: it has '2000000'",
            Difference(Machine with { KernelCommandLine = "loglevel=4 tsc_early_khz=3000000 lpj=1" }, Set));
        Setup more = Set with { Mounts = [new GuestMount("tmpfs", "tmpfs", "/x", 0, "")] };
        Assert.Contains("mounts", Difference(Set, more));
        Assert.Contains("read-only root", Difference(Set, Set with { ReadOnlyRoot = true }));
    }

    [Fact]
    public void What_restricts_the_process_counts_and_its_environment_does_not()
    {
        ProcessSpec[] others =
        [
            Process with { NoNewPrivileges = true }, Process with { Umask = 0 }, Process with { OomScoreAdjust = 5 },
        ];
        Assert.All(others, static other => Assert.Contains("process", Difference(other)));
        Assert.Null(Difference(Process with { Environment = ["A=b"], HasInput = false, Rows = 3, Columns = 4 }));
        Setup less = Set with { LeastSysctls = [new("vm.max_map_count", 1)] };
        Assert.Contains("least sysctls", Difference(Set, less));
    }

    [Fact]
    public void A_containers_words_do_nothing_to_a_terminal()
    {
        string said = Difference(Process with { Arguments = ["sh\u001b[2J\n"] })!;
        Assert.DoesNotContain(said, char.IsControl);
    }

    private static string? Difference(ProcessSpec process) => TemplateTraits.Difference(
        Traits(Machine, Set), TemplateTraits.Of(Machine, Set, process, "image", Record));

    private static string? Difference(MachineDescription machine, Setup setup)
        => TemplateTraits.Difference(Traits(Machine, Set), Traits(machine, setup));

    private static string Difference(Setup one, Setup other)
        => TemplateTraits.Difference(Traits(Machine, one), Traits(Machine, other))!;

    private static IReadOnlyList<KeyValuePair<string, string>> Traits(MachineDescription machine, Setup setup)
        => TemplateTraits.Of(machine, setup, Process, "image", Record);
}
