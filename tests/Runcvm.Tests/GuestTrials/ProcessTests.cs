using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;

namespace Runcvm.Tests.GuestTrials;

/// <summary>Processes in a guest: starts, failures, signals, terminals, ends.</summary>
public class ProcessTests
{
    [Fact]
    public void An_exec_runs_beside_the_workload_in_its_namespaces() => TrialMachine.Run(static async machine =>
    {
        ProcessSpec workload = TrialMachine.Program("sleep", "1000") with { WorkingDirectory = "/made/for/it" };
        await machine.BootAsync(TrialMachine.Setup(), workload);
        ProcessSpec spec = TrialMachine.Shell("readlink /proc/1/exe; echo $HOME; pwd; echo oops >&2; exit 3");
        TrialProcess exec = await machine.StartAsync(2, spec with { WorkingDirectory = "/made/for/it" });
        Assert.Equal(2U, (await machine.ExpectAsync<Started>()).Id);
        (int code, string output) = await exec.EndAsync();
        Assert.Equal((3, "/usr/bin/sleep\n/\n/made/for/it\n"), (code, output));
        Assert.Equal("oops\n", await TrialMachine.ReadAsync(exec.Error));
        // What its own limits would hinder is started another way, and becomes the program.
        exec = await machine.StartAsync(3, TrialMachine.Shell("ulimit -d; cat") with
        {
            Limits = [new ResourceLimit(Rlimit.Data, 1 << 30, 1 << 30)],
            OomScoreAdjust = 5,
        });
        await machine.ExpectAsync<Started>();
        exec.Input.End();
        Assert.Equal((0, "1048576\n"), await exec.EndAsync());
    });

    [Fact]
    public void A_process_that_was_got_ready_starts_or_is_forgotten() => TrialMachine.Run(static async machine =>
    {
        await machine.BootAsync(TrialMachine.Setup(), TrialMachine.Program("sleep", "1000"));
        ProcessSpec spec = TrialMachine.Shell("echo ready");
        await machine.SendAsync(new Prepare(new Start(2, spec)));
        await machine.SendAsync(new Prepare(new Start(2, spec)));
        await machine.SendAsync(new Prepare(new Start(3, spec)));
        await machine.SendAsync(new Forget(3));
        await machine.SendAsync(new Forget(4));
        TrialProcess exec = await machine.StartAsync(2, spec);
        await machine.ExpectAsync<Started>();
        Assert.Equal((0, "ready\n"), await exec.EndAsync());
        // One that is to fail does so only when it is started.
        await machine.SendAsync(new Prepare(new Start(5, TrialMachine.Program("no-such-program"))));
        await machine.StartAsync(5, TrialMachine.Program("no-such-program"));
        Assert.Equal(127, (await machine.ExpectAsync<StartFailed>()).Code);
        await machine.SendAsync(new Prepare(new Start(6, spec)));
    });

    [Fact]
    public void A_process_that_cannot_be_started_says_why_in_runcs_words() => TrialMachine.Run(static async machine =>
    {
        File.WriteAllText(Path.Combine(machine.Root, "text"), "no program");
        File.WriteAllText(Path.Combine(machine.Root, "broken"), "\u007fELF");
        File.SetUnixFileMode(Path.Combine(machine.Root, "broken"), (UnixFileMode)0x1ed);
        await machine.BootAsync(TrialMachine.Setup(), TrialMachine.Program("sleep", "1000"));
        uint id = 2;
        foreach ((ProcessSpec spec, int code, string told) in (IEnumerable<(ProcessSpec, int, string)>)
        [
            (TrialMachine.Program("no-such-program"), 127,
                "exec: \"no-such-program\": executable file not found in $PATH"),
            (TrialMachine.Program("/no/such/program"), 127, "stat /no/such/program: no such file or directory"),
            (TrialMachine.Program("/text"), 126, "exec: \"/text\": permission denied"),
            (TrialMachine.Program("/etc"), 126, "exec: \"/etc\": is a directory"),
            (TrialMachine.Program("/broken"), 126, "exec /broken: exec format error"),
            (TrialMachine.Program(), 127, "executable file not found in $PATH"),
            (TrialMachine.Program("true") with { WorkingDirectory = "/text" }, 126,
                "chdir to cwd (\"/text\") set in config.json failed: not a directory"),
            (TrialMachine.Program("true") with { WorkingDirectory = "/none" }, 127,
                "chdir to cwd (\"/none\") set in config.json failed: no such file or directory"),
            (TrialMachine.Program("true") with { Limits = [new ResourceLimit(Rlimit.OpenFiles, 2, 1)] }, 126,
                "unable to start container process: "),
        ])
        {
            await machine.StartAsync(id, spec);
            StartFailed failed = await machine.ExpectAsync<StartFailed>();
            Assert.Equal((id++, (byte)code), (failed.Id, failed.Code));
            Assert.Contains(told, failed.Message, StringComparison.Ordinal);
        }
    });

    [Fact]
    public void A_workload_that_cannot_be_started_ends_the_machine() => TrialMachine.Run(static async machine =>
    {
        await machine.SendAsync(TrialMachine.Setup());
        await machine.StartAsync(2, TrialMachine.Program("true"));
        StartFailed early = await machine.ExpectAsync<StartFailed>();
        Assert.Equal((2U, "the container's own process is not running"), (early.Id, early.Message));
        await machine.StartAsync(Start.Workload, TrialMachine.Program("no-such-program"));
        Assert.Equal(127, (await machine.ExpectAsync<StartFailed>()).Code);
        await machine.ExpectStoppedAsync();
    });

    [Fact]
    public void Signals_reach_their_process_and_its_end_tells_of_them() => TrialMachine.Run(static async machine =>
    {
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup(),
            TrialMachine.Shell(
                "trap 'echo got it; exit 5' TERM; echo there; while :; do read line || sleep 1000 & wait; done"));
        TrialProcess exec = await machine.StartAsync(2, TrialMachine.Program("sleep", "1000"));
        // Before it runs, for all that is known here: it gets the signal once it does.
        await exec.SignalAsync(SignalNumber.Kill);
        await machine.ExpectAsync<Started>();
        Assert.Equal((137, ""), await exec.EndAsync());
        await exec.SignalAsync(SignalNumber.Kill);
        await TrialMachine.ReadAsync(workload.Output, until: "there\n");
        await workload.SignalAsync(SignalNumber.Terminate);
        Assert.Equal((5, "got it\n"), await workload.EndAsync());
        await machine.ExpectStoppedAsync();
    });

    [Fact]
    public void A_signal_waits_until_the_first_process_has_a_handler() => TrialMachine.Run(static async machine =>
    {
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup(),
            TrialMachine.Shell(
                "echo there; read line; trap 'exit 5' TERM; echo caught; while :; do sleep 1000 & wait; done"));
        // The kernel drops it here: the first process of a PID namespace has no handler.
        await workload.SignalAsync(SignalNumber.Terminate);
        await workload.SignalAsync(SignalNumber.Terminate);
        await TrialMachine.ReadAsync(workload.Output, until: "there\n");
        await workload.WriteAsync("go on\n");
        Assert.Equal((5, "caught\n"), await workload.EndAsync());
        await machine.ExpectStoppedAsync();
    });

    [Fact]
    public void A_signal_that_a_program_waits_for_while_it_is_blocked_reaches_it()
        => TrialMachine.Run(static async machine =>
    {
        // The small init takes signals from a descriptor, with all of them blocked.
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup() with { Init = true }, TrialMachine.Program("sleep", "1000"));
        await workload.SignalAsync(SignalNumber.Terminate);
        Assert.Equal(128 + SignalNumber.Terminate, (await workload.EndAsync()).Code);
        await machine.ExpectStoppedAsync();
    });

    [Fact]
    public void A_terminal_has_the_size_that_it_was_given() => TrialMachine.Run(static async machine =>
    {
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup(),
            TrialMachine.Shell(
                // A trap may end the reading of a line.
                "trap 'stty size' WINCH; stty size; tty; " +
                "until [ \"$line\" = another ]; do read line && echo \"<$line>\"; done; read line; exit 4") with
            {
                Terminal = true,
                Rows = 30,
                Columns = 99,
            });
        string greeting = await TrialMachine.ReadAsync(workload.Output, until: "/dev/");
        Assert.StartsWith("30 99\r\n", greeting, StringComparison.Ordinal);
        await workload.ResizeAsync(40, 120);
        // The shell looks at its traps between two lines.
        await workload.WriteAsync("a line\nanother\n");
        string answer = await TrialMachine.ReadAsync(workload.Output, until: "<another>\r\n");
        Assert.Contains("40 120\r\n", answer, StringComparison.Ordinal);
        TrialProcess exec = await machine.StartAsync(
            2, TrialMachine.Shell("stty size; test -t 0 && echo terminal") with { Terminal = true });
        await exec.ResizeAsync(7, 8);
        await machine.ExpectAsync<Started>();
        Assert.Contains("terminal\r\n", (await exec.EndAsync()).Output, StringComparison.Ordinal);
        // ^D, which travels as a byte.
        await workload.WriteAsync("\u0004");
        Assert.Equal(4, (await workload.EndAsync()).Code);
    });

    [Fact]
    public void An_init_reaps_orphans_and_forwards_signals() => TrialMachine.Run(static async machine =>
    {
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup() with { Init = true },
            TrialMachine.Shell(
                "echo $$; (sleep 0 & exec true); trap 'exit 9' TERM; echo there; while :; do sleep 1000 & wait; done"));
        string said = await TrialMachine.ReadAsync(workload.Output, until: "there\n");
        Assert.False(said.StartsWith("1\n", StringComparison.Ordinal), said);
        await workload.SignalAsync(SignalNumber.Terminate);
        Assert.Equal(9, (await workload.EndAsync()).Code);
        await machine.ExpectStoppedAsync();
    });

    [Fact]
    public void A_user_without_rights_runs_its_program_with_its_own_streams_and_a_read_only_root()
        => TrialMachine.Run(static async machine =>
    {
        File.WriteAllText(
            Path.Combine(machine.Root, "etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n");
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup() with { ReadOnlyRoot = true },
            TrialMachine.Shell(
                "id -u; id -g; id -G; echo $HOME; umask; echo again >/dev/stdout; grep NoNewPrivs /proc/self/status; " +
                "(echo x >/file) 2>/dev/null || echo refused") with
            {
                User = 1000,
                Group = 1000,
                Groups = [1000, 5],
                Umask = 0x1f,
                NoNewPrivileges = true,
                Capabilities = new CapabilityBits(0, 0, 0, 0, 0),
                HasInput = false,
            });
        Assert.Equal(
            (0, "1000\n1000\n1000 5\n/home/user\n0037\nagain\nNoNewPrivs:\t1\nrefused\n"), await workload.EndAsync());
    });
}
