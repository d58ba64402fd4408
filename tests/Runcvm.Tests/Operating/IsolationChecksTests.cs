using Runcvm.Operating;
using Runcvm.Options;

namespace Runcvm.Tests.Operating;

/// <summary>What the doctor says of the walls between machines, of hosts that lie in a folder.</summary>
public sealed class IsolationChecksTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("runcvm-host-").FullName;

    private IsolationChecks Host => new(_root);

    public void Dispose() => Directory.Delete(_root, true);

    [Fact]
    public void Emulation_is_called_no_boundary()
    {
        Finding emulated = IsolationChecks.Boundary(new HostFacts(2, false, null, null, false));
        Assert.Equal(Verdict.Warning, emulated.Verdict);
        Assert.Contains("TCG", emulated.Text, StringComparison.Ordinal);
        Assert.Equal(Verdict.Warning, IsolationChecks.Boundary(new HostFacts(2, false, null, null, true)).Verdict);
        Assert.Equal(Verdict.Fine, IsolationChecks.Boundary(new HostFacts(2, true, null, null, true)).Verdict);
    }

    [Theory]
    [InlineData(0, Verdict.Warning, "the kernel has none")]
    [InlineData(1, Verdict.Fine, "version 1, for files;")]
    [InlineData(5, Verdict.Fine, "version 5, for files and TCP")]
    [InlineData(7, Verdict.Fine, "version 7, for files, TCP, signals")]
    public void The_kernel_has_Landlock_or_not(int version, object verdict, string text)
    {
        Finding finding = IsolationChecks.Landlock(version);
        Assert.Equal(verdict, finding.Verdict);
        Assert.StartsWith(text, finding.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("0", false)]
    public void Sibling_threads_and_merged_pages_are_seen(string text, bool warned)
    {
        Assert.Null(Host.SiblingThreads());
        Assert.Null(Host.MergedPages());
        Write("sys/devices/system/cpu/smt/active", text + "\n");
        Write("sys/kernel/mm/ksm/run", text + "\n");
        Assert.Equal(warned, Host.SiblingThreads()!.Verdict == Verdict.Warning);
        Assert.Equal(warned, Host.MergedPages()!.Verdict == Verdict.Warning);
    }

    [Fact]
    public void Swap_on_a_disk_is_named_and_swap_in_memory_is_none()
    {
        Assert.Equal(Verdict.Fine, Host.Swap().Verdict);
        const string Header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        Write("proc/swaps", Header + "/dev/zram0                              partition\t1000\t0\t100\n");
        Assert.Equal(Verdict.Fine, Host.Swap().Verdict);
        Write("proc/swaps", Header + "/swapfile                               file\t\t1000\t0\t-2\n");
        Assert.Equal(Verdict.Warning, Host.Swap().Verdict);
        Assert.Contains("/swapfile", Host.Swap().Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0", false)]
    [InlineData("1", true)]
    [InlineData("2", false)]
    public void Core_dumps_for_the_new_user_are_seen(string text, bool warned)
    {
        Write("proc/sys/fs/suid_dumpable", text + "\n");
        Assert.Equal(warned, Host.CoreDumps().Verdict == Verdict.Warning);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("0", true)]
    [InlineData("1", false)]
    [InlineData("2", false)]
    public void Tracing_is_restricted_by_Yama_only(string? text, bool warned)
    {
        if (text != null) Write("proc/sys/kernel/yama/ptrace_scope", text + "\n");
        Assert.Equal(warned, Host.Tracing().Verdict == Verdict.Warning);
    }

    [Theory]
    [InlineData("1", "100", "0", true)]
    [InlineData(null, "100", null, true)]
    [InlineData("0", "100", null, false)]
    [InlineData(null, "0", null, false)]
    [InlineData(null, "100", "1", false)]
    public void User_namespaces_for_everybody_are_seen(string? debian, string most, string? ubuntu, bool warned)
    {
        if (debian != null) Write("proc/sys/kernel/unprivileged_userns_clone", debian);
        Write("proc/sys/user/max_user_namespaces", most);
        if (ubuntu != null) Write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", ubuntu);
        Finding finding = Host.UserNamespaces();
        Assert.Equal(warned, finding.Verdict == Verdict.Warning);
        if (debian == "1") Assert.Contains("unprivileged_userns_clone", finding.Cure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/etc/passwd", "somebody:x:1004:1004::/home/somebody:/bin/sh", "somebody")]
    [InlineData("/etc/subuid", "other:900:101", "other")]
    [InlineData("/etc/subuid", "other:900:100", null)]
    [InlineData("/etc/passwd", "somebody:x:1010:1010::/home/somebody:/bin/sh", null)]
    [InlineData("/etc/passwd", "a line that is broken", null)]
    public void Users_of_hypervisors_that_are_also_others_are_named(string file, string line, string? name)
    {
        Write(file[1..], $"root:x:0:0:root:/root:/bin/bash\n{line}\n");
        Finding finding = Host.HypervisorUsers(new UserRange(1000, 10));
        Assert.Equal(name == null ? Verdict.Fine : Verdict.Warning, finding.Verdict);
        if (name != null) Assert.Contains($"{name} in {file}", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_about_isolation_keeps_machines_from_running_here()
        => Assert.All(
            IsolationChecks.All.Select(static check => check(new HostConfig())).OfType<Finding>(),
            static finding =>
            {
                Assert.NotEqual(Verdict.Problem, finding.Verdict);
                Assert.Equal(finding.Verdict == Verdict.Warning, finding.Cure != null);
            });

    private void Write(string file, string text)
    {
        string path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
