using Runcvm.Cli;
using Runcvm.Oci;

namespace Runcvm.Tests.Cli;

public class CheckpointFlagsTests
{
    [Theory]
    [InlineData("--image-path /a --work-path /b --leave-running --tcp-established --ext-unix-sk id")]
    [InlineData("-image-path=/a --shell-job --file-locks --manage-cgroups-mode soft --empty-ns network id")]
    public void What_runc_takes_and_a_machine_needs_not_is_taken(string flags)
        => CheckpointFlags.Check(Parse("checkpoint " + flags), CheckpointFlags.OfCheckpoint);

    [Theory]
    [InlineData("--pre-dump id", "--pre-dump is not for machines")]
    [InlineData("--image-path /a --parent-path ../b id", "--parent-path is not for machines")]
    [InlineData("--lazy-pages=true id", "--lazy-pages is not for machines")]
    [InlineData("--status-fd 3 id", "--status-fd is not for machines")]
    [InlineData("--tcp-closed id", "checkpoint has no flag --tcp-closed")]
    public void What_cannot_be_met_is_refused(string flags, string reason)
    {
        UsageException refusal = Assert.Throws<UsageException>(
            () => CheckpointFlags.Check(Parse("checkpoint " + flags), CheckpointFlags.OfCheckpoint));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_restore_becomes_a_run_with_what_both_take()
    {
        CommandLine run = RestoreVerb.AsRun(Parse(
            "--root /r --log l restore -b /bundle --image-path /i --console-socket=/c --pid-file /p -d --no-pivot id"));
        Assert.Equal(
            ["--root", "/r", "--log", "l", "run", "--bundle", "/bundle", "--console-socket", "/c", "--pid-file", "/p",
                "--detach", "--no-pivot", "id"],
            run.Arguments);
        Assert.Equal("run", run.Verb);
    }

    private static CommandLine Parse(string text) => CommandLine.Parse(text.Split(' '));
}
