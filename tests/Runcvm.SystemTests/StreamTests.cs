using System.Diagnostics;

namespace Runcvm.SystemTests;

public class StreamTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task Standard_output_and_standard_error_arrive_separately()
    {
        CommandResult result = await RunAsync(Busybox, "sh", "-c", "echo out; echo err >&2");
        Assert.Equal("out\n", result.Succeeded().Stdout);
        Assert.Equal("err\n", result.Stderr);
    }

    [Fact]
    public async Task The_end_of_standard_input_arrives()
    {
        CommandResult result = await InputAsync("hello\n"u8.ToArray(), "-i", Busybox, "cat");
        Assert.Equal("hello\n", result.Succeeded().Stdout);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_pass_in_both_directions()
    {
        byte[] bytes = [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i * 31 >> (i % 7)))];
        CommandResult result = await InputAsync(bytes, "-i", Busybox, "cat");
        Assert.True(bytes.AsSpan().SequenceEqual(result.Succeeded().Output));
    }

    [Fact]
    public async Task Ten_megabytes_on_both_streams_at_once_arrive_to_the_last_byte()
    {
        const int Size = 10_000_000;
        const string Script = "yes out | head -c 10000000 & yes err | head -c 10000000 >&2; wait";
        CommandResult result = await RunAsync(Busybox, "sh", "-c", Script);
        Assert.Equal((Size, Size), (result.Succeeded().Output.Length, result.Error.Length));
    }

    [Fact]
    public async Task What_is_written_right_before_the_end_is_not_lost()
    {
        for (int i = 0; i < 5; i++)
            Assert.Equal("last words", (await RunAsync(Busybox, "sh", "-c", "printf 'last words'; kill -9 $$")).Stdout);
    }

    [Fact]
    public async Task The_log_holds_what_the_workload_wrote_and_nothing_of_the_boot()
    {
        string name = await StartAsync(Busybox, "sh", "-c", "echo one; echo two >&2; exit 3");
        Assert.Equal(3, await WaitAsync(name));
        CommandResult logs = await Docker.RunAsync("logs", name);
        Assert.Equal(("one\n", "two\n"), (logs.Stdout, logs.Stderr));
    }

    [Fact]
    public async Task A_terminal_has_the_size_of_the_users_and_follows_it()
    {
        using var terminal = new Terminal(Docker, 33, 77);
        const string Script = "trap 'stty size' WINCH; until [ \"$(stty size)\" = '44 99' ]; do stty size; sleep 0.2; done; exit 7";
        terminal.Start(["run", "--rm", "-it", .. RuntimeArguments, Busybox, "sh", "-c", Script]);
        await terminal.ReadUntilAsync("33 77");
        terminal.Resize(44, 99);
        Assert.Equal(7, await terminal.EndAsync());
    }

    [Fact]
    public async Task Control_C_on_a_terminal_interrupts_the_foreground_process()
    {
        using var terminal = new Terminal(Docker, 24, 80);
        const string Script = "trap 'echo interrupted; exit 9' INT; echo ready; while :; do read -r _; done";
        terminal.Start(["run", "--rm", "-it", .. RuntimeArguments, Busybox, "sh", "-c", Script]);
        await terminal.ReadUntilAsync("ready");
        terminal.Write("\x3"u8);
        await terminal.ReadUntilAsync("interrupted");
        Assert.Equal(9, await terminal.EndAsync());
    }

    [Fact]
    public async Task A_terminal_carries_standard_error_too_and_ends_lines_as_terminals_do()
    {
        CommandResult result = await RunAsync("-t", Busybox, "sh", "-c", "echo out; echo err >&2; tty");
        Assert.Equal("out\r\nerr\r\n/dev/pts/0\r\n", result.Succeeded().Stdout);
    }

    [Fact]
    public async Task A_reader_who_falls_behind_does_not_stop_the_rest_of_the_machine()
    {
        string name = NewName();
        using Process reader =
            Docker.Start(["run", "--name", name, .. RuntimeArguments, Busybox, "sh", "-c", "echo ready; yes"]);
        Assert.Equal("ready", await reader.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal("alive", (await ExecAsync(name, "echo", "alive")).Text);
        // The engine itself waits for a reader before it ends a container.
        reader.Kill();
    }

    [Fact]
    public async Task Arguments_and_variables_keep_their_bytes()
    {
        const string Odd = "line one\nline two\ttab 'quote' \"double\" $HOME \\ ünïcode";
        const string Script = "printf '%s|' \"$ODD\" \"$@\"";
        CommandResult result = await RunAsync("-e", $"ODD={Odd}", Busybox, "sh", "-c", Script, "sh", Odd, "");
        Assert.Equal($"{Odd}|{Odd}||", result.Succeeded().Stdout);
    }
}
