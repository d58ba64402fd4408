using Runcvm.Linux.Processes;
using Runcvm.Sandbox;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Sandbox;

/// <summary>What a hypervisor may do, with a program of this host in its place.</summary>
public sealed class HypervisorRulesTests : IDisposable
{
    private const string Program = "/usr/bin/env";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void QEMU_runs_itself_alone_and_writes_to_devices_alone()
    {
        LandlockRules rules = HypervisorRules.OfQemu(Program);
        Assert.True(rules.KeepsSignals);
        string?[] runs = [Program, ProgramLoader.Of(Program)];
        Assert.Equal(runs, With(rules, FileRights.Execute));
        Assert.All(With(rules, FileRights.Write), static path => Assert.True(path is "/dev/null" or "/dev/kvm", path));
        Assert.DoesNotContain("/dev/net/tun", rules.Files.Select(static rule => rule.Path));
        Assert.Contains(new FileRule("/usr/lib", FileRights.Read | FileRights.ListFolder), rules.Files);
        OnlyOfFiles(rules);
    }

    [Fact]
    public void Firecracker_runs_itself_alone_and_the_double_runs_programs_of_the_host()
    {
        LandlockRules real = HypervisorRules.OfFirecracker(Program);
        Assert.Equal([Program, ProgramLoader.Of(Program)!], With(real, FileRights.Execute));
        Assert.DoesNotContain("/usr/lib", real.Files.Select(static rule => rule.Path));
        LandlockRules twin = HypervisorRules.OfTheDouble(Program);
        Assert.Contains("/usr", With(twin, FileRights.Execute));
        Assert.DoesNotContain("/", With(twin, FileRights.Read));
        OnlyOfFiles(real);
        OnlyOfFiles(twin);
    }

    [Fact]
    public void The_loader_of_a_program_is_read_from_its_file()
    {
        Assert.StartsWith("/lib", ProgramLoader.Of(Program)!, StringComparison.Ordinal);
        Assert.True(File.Exists(ProgramLoader.Of(Program)));
        string other = _folder.Path("file");
        foreach (byte[] content in (byte[][])[[], [1, 2, 3], [.. "#!/bin/sh\n"u8, .. new byte[100]]])
        {
            File.WriteAllBytes(other, content);
            Assert.Null(ProgramLoader.Of(other));
        }
    }

    [Fact]
    public void A_program_whose_headers_name_what_it_has_not_got_has_no_loader()
    {
        byte[] program = File.ReadAllBytes(Program);
        string other = _folder.Path("file");
        for (int at = 0; at < 0x300; at += 8)
        {
            byte[] bent = [.. program];
            bent.AsSpan(at, 8).Fill(0xff);
            File.WriteAllBytes(other, bent);
            string? loader = ProgramLoader.Of(other);
            Assert.True(loader is null || loader.Length < 4096);
        }

        File.WriteAllBytes(other, program[..64]);
        Assert.Null(ProgramLoader.Of(other));
    }

    private static IEnumerable<string> With(LandlockRules rules, FileRights right)
        => rules.Files.Where(rule => rule.Rights.HasFlag(right)).Select(static rule => rule.Path).Distinct();

    // Nobody makes a file, a folder, a link or a device.
    private static void OnlyOfFiles(LandlockRules rules)
    {
        const FileRights Making = FileRights.MakeFile | FileRights.MakeFolder | FileRights.MakeLink
            | FileRights.MakeBlockDevice | FileRights.MakeCharacterDevice | FileRights.RemoveFolder | FileRights.Refer;
        Assert.All(rules.Files, static rule => Assert.Equal(FileRights.None, rule.Rights & Making));
    }
}
