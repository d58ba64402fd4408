using Runcvm.Cli;
using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

/// <summary>Command lines as engines write them.</summary>
public class CommandLineTests
{
    private static readonly string[] CreateFlags = ["--bundle", "-b", "--console-socket", "--pid-file", "--preserve-fds"];
    private static readonly string[] ExecFlags = ["--process", "-p", "--console-socket", "--pid-file"];

    [Fact]
    public void Docker_creates()
    {
        CommandLine command = Parse("--root /var/run/docker/runtime-runc/moby --log /x/log.json --log-format json create --bundle /b --pid-file /b/init.pid 9def7c");
        Assert.Equal("create", command.Verb);
        Assert.Equal("/x/log.json", command.LogFile);
        Assert.Equal("json", command.LogFormat);
        Assert.Equal("/b", command.ValueOf(CreateFlags, "--bundle", "-b"));
        Assert.Equal("9def7c", command.ContainerId(CreateFlags));
        Assert.Equal(["--bundle", "/b", "--pid-file", "/b/init.pid", "9def7c"], command.AfterVerb);
    }

    [Fact]
    public void Docker_creates_with_a_terminal_under_systemd()
    {
        CommandLine command = Parse("--root /r --log /l --log-format json --systemd-cgroup create --bundle /b --pid-file /p --console-socket /tmp/pty1/pty.sock --no-pivot id");
        Assert.Equal("create", command.Verb);
        Assert.Equal("/tmp/pty1/pty.sock", command.ValueOf(CreateFlags, "--console-socket"));
        Assert.Equal("id", command.ContainerId(CreateFlags));
    }

    [Fact]
    public void What_comes_after_the_id_is_the_programs_own()
    {
        CommandLine command = Parse("exec --pid-file --process id cmd --process x -p y");
        Assert.Null(command.ValueOf(ExecFlags, "--process", "-p"));
        Assert.Equal("--process", command.ValueOf(ExecFlags, "--pid-file"));
        Assert.Equal("id", command.ContainerId(ExecFlags));
        Assert.Null(Parse("exec --process").ContainerId(ExecFlags));
        Assert.Null(Parse("exec --process").ValueOf(ExecFlags, "--process"));
    }

    [Fact]
    public void Docker_executes_detached_with_a_terminal()
    {
        CommandLine command = Parse("--root /r --log /l --log-format json exec --process /tmp/runc-process1 --console-socket /tmp/s --detach --pid-file /p id");
        Assert.Equal("exec", command.Verb);
        Assert.Equal("/tmp/runc-process1", command.ValueOf(ExecFlags, "--process", "-p"));
        Assert.Equal("id", command.ContainerId(ExecFlags));
    }

    [Theory]
    [InlineData("create -b /b id")]
    [InlineData("create --bundle=/b id")]
    [InlineData("create -bundle /b id")]
    [InlineData("create -bundle=/b id")]
    [InlineData("create -b=/b id")]
    [InlineData("create --pid-file /p --bundle /b id")]
    public void The_bundle_is_found_in_every_notation(string line)
    {
        CommandLine command = Parse(line);
        Assert.Equal("/b", command.ValueOf(CreateFlags, "--bundle", "-b"));
        Assert.Equal("id", command.ContainerId(CreateFlags));
    }

    [Theory]
    [InlineData("--rootless=false --root=/r create id")] // containerd's go-runc
    [InlineData("--rootless auto create id")] // runc and crun both want a value
    [InlineData("--debug --systemd-cgroup --criu /usr/sbin/criu create id")]
    [InlineData("-root /r -log /l create id")]
    [InlineData("--log=/l --log-format=json create id")] // conmon
    [InlineData("--cgroup-manager cgroupfs create id")] // crun
    [InlineData("--cgroup-manager=disabled --log-level debug create id")]
    public void The_verb_is_found_behind_every_global_flag(string line)
    {
        CommandLine command = Parse(line);
        Assert.Equal("create", command.Verb);
        Assert.Equal("id", command.ContainerId(CreateFlags));
    }

    [Fact]
    public void Podman_creates_through_conmon()
    {
        CommandLine command = Parse("--log-format=json --log=/run/oci-log --systemd-cgroup create --bundle /b --pid-file /p --preserve-fds 2 id");
        Assert.Equal("/run/oci-log", command.LogFile);
        Assert.Equal("json", command.LogFormat);
        Assert.Equal("id", command.ContainerId(CreateFlags));
    }

    [Theory]
    [InlineData("pause-1")]
    [InlineData("create")]
    [InlineData("delete")]
    public void A_container_may_be_named_like_a_verb(string id)
    {
        CommandLine command = Parse($"--root /pause/delete create --bundle /pause {id}");
        Assert.Equal("create", command.Verb);
        Assert.Equal(id, command.ContainerId(CreateFlags));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--version")]
    [InlineData("--root /r")]
    public void There_may_be_no_verb(string line)
    {
        CommandLine command = Parse(line);
        Assert.Equal("", command.Verb);
        Assert.Null(command.LogFile);
        Assert.Equal("text", command.LogFormat);
    }

    [Theory]
    [InlineData("kill id", "")]
    [InlineData("kill --all id KILL", "KILL")]
    [InlineData("--root /r kill id 9", "9")]
    public void The_signal_comes_after_the_id(string line, string signal)
        => Assert.Equal(signal, string.Join(' ', Parse(line).AfterId()));

    [Theory]
    [InlineData("9", true)]
    [InlineData("KILL", true)]
    [InlineData("sigkill", true)]
    [InlineData("15", false)]
    [InlineData("TERM", false)]
    public void A_signal_is_known_by_number_and_name(string signal, bool isKill) => Assert.Equal(isKill, KillVerb.IsKill(signal));

    [Fact]
    public void Flags_after_the_verb_are_not_global() => Assert.Null(Parse("create --log /x id").LogFile);

    [Theory]
    [InlineData("--root /r create --bundle /b --pid-file /p id")]
    [InlineData("--root /r create -b /b --pid-file /p id")]
    [InlineData("--root /r create -bundle=/b --pid-file /p id")]
    [InlineData("--root /r create --pid-file /p id")]
    public void Another_bundle_takes_the_place_of_the_one_that_was_given(string line)
        => Assert.Equal("--root /r create --bundle /other --pid-file /p id".Split(' '), Parse(line).With(CreateFlags, "/other", "--bundle", "-b"));

    [Fact]
    public void What_follows_the_id_is_kept_as_it_is()
        => Assert.Equal("create --bundle /other --no-pivot id --bundle /x".Split(' '), Parse("create --no-pivot --bundle /b id --bundle /x").With(CreateFlags, "/other", "--bundle", "-b"));

    private static CommandLine Parse(string line) => CommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
