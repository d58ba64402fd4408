using Runcvm.Cli;

namespace Runcvm.Tests.Cli;

/// <summary>A script takes runc's place here: no process can be kept from freezing for as long as a test needs it.</summary>
public sealed class PauseVerbTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("runcvm-pause");

    public void Dispose() => _folder.Delete(true);

    [Fact]
    public void What_cannot_be_frozen_at_once_is_tried_again()
        => Assert.Equal((0, 3), Pause("[ $tries -ge 3 ] || { echo 'unable to freeze' >&2; exit 1; }", TimeSpan.FromMinutes(1)));

    [Fact]
    public void Any_other_failure_is_final()
        => Assert.Equal((3, 1), Pause("echo 'container not running' >&2; exit 3", TimeSpan.FromMinutes(1)));

    [Fact]
    public void What_never_freezes_fails_when_the_time_is_over()
    {
        (int code, int tries) = Pause("echo 'timeout of 10ms reached waiting for the cgroup to freeze' >&2; exit 1", TimeSpan.Zero);
        Assert.Equal((1, 1), (code, tries));
    }

    private (int Code, int Tries) Pause(string body, TimeSpan patience)
    {
        string runtime = Path.Combine(_folder.FullName, "runtime");
        string count = Path.Combine(_folder.FullName, "count");
        ScriptFile.Write(runtime, $"#!/bin/sh\necho \"$@\" >>{count}\ntries=$(wc -l <{count})\n{body}\n");
        int code = PauseVerb.Pause(runtime, ["pause", "machine"], patience, null);
        string[] lines = File.ReadAllLines(count);
        Assert.All(lines, static line => Assert.Equal("pause machine", line));
        return (code, lines.Length);
    }
}
