using System.Text.RegularExpressions;

namespace Runcvm.Tests.Layout;

/// <summary>docs/compatibility.md against the flags that there are and the tests that say which of them they prove.</summary>
public partial class CompatibilityTests
{
    // docker run --help of Docker 20.10 and of 28, long names.
    private const string Flags = """
        add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count cpu-percent cpu-period
        cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps
        device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-option dns-search domainname entrypoint env env-file expose gpus
        group-add health-cmd health-interval health-retries health-start-interval health-start-period health-timeout hostname init interactive
        io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory
        memory-reservation memory-swap memory-swappiness mount name network network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit
        platform privileged publish publish-all pull quiet read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt
        sysctl tmpfs tty ulimit use-api-socket user userns uts volume volume-driver volumes-from workdir
        """;

    private static string Document { get; } = File.ReadAllText(Path.Combine(Repository.Root, "docs/compatibility.md"));

    [Fact]
    public void Every_flag_of_docker_run_has_its_place_in_the_table()
    {
        string[] named = [.. Code().Matches(Document).Select(static match => match.Groups[1].Value.Split(' ')[0])];
        string[] missing = [.. Flags.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(static flag => "--" + flag)
            .Where(flag => !named.Any(name => name == flag || (name.EndsWith('*') && flag.StartsWith(name[..^1], StringComparison.Ordinal))))];
        Assert.Equal([], missing);
    }

    [Fact]
    public void What_the_table_knows_by_a_test_is_what_tests_say_that_they_prove()
        => Assert.Equal(Proven().Order(StringComparer.Ordinal), Tested().Order(StringComparer.Ordinal));

    private static HashSet<string> Tested()
    {
        // The last cell of a row: "test (`Class`)" by hand, "12 tests passed (`Class`)" by tools/compatibility.sh.
        var rows = Document.Split('\n').Where(static line => TestedRow().IsMatch(line));
        return [.. rows.SelectMany(static row => Code().Matches(row.Split('|')[1])).Select(static match => match.Groups[1].Value.Split(' ')[0])];
    }

    private static HashSet<string> Proven()
    {
        string folder = Path.Combine(Repository.Root, "tests/Runcvm.SystemTests");
        IEnumerable<string> attributes = Directory.EnumerateFiles(folder, "*Tests.cs")
            .SelectMany(static file => Attribute().Matches(File.ReadAllText(file))).Select(static match => match.Value);
        return [.. attributes.SelectMany(static text => Text().Matches(text)).Select(static match => match.Groups[1].Value)];
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\|.*\| (test|\d+ )[^|]*\|$")]
    private static partial Regex TestedRow();

    [GeneratedRegex(@"\[Proves\([^)]*\)\]")]
    private static partial Regex Attribute();

    [GeneratedRegex("\"([^\"]+)\"")]
    private static partial Regex Text();
}
