using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Supervisor;

/// <summary>Execs and questions, between a client and a guest, both of which may be hostile.</summary>
public class ControlServerTests
{
    private static readonly ProcessSpec Spec = new()
    {
        Arguments = ["program"],
        Environment = [],
        WorkingDirectory = "/",
    };

    [Fact]
    public void A_process_has_the_clients_streams_signals_and_its_code() => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        using SupervisorClient client = trial.Connect();
        using Pipes pipes = new(trial);
        await client.SendAsync(new Start(0, Spec), pipes.Theirs);
        pipes.CloseTheirs();
        (Start start, Channel input, Channel output, Channel error) = await trial.GuestStartsAsync();
        Assert.Equal("program", start.Process.Arguments[0]);
        Assert.NotEqual(Start.Workload, start.Id);
        trial.GuestSays(new Started(start.Id));
        await pipes.Input.WriteAsync("question"u8.ToArray());
        Assert.Equal("question", await TextAsync(input.ReadAsync));
        await client.SendAsync(new Signal(0, 10));
        Assert.Equal(new Signal(start.Id, 10), await trial.GuestExpectsAsync<Signal>());
        await output.WriteAsync("answer"u8.ToArray());
        output.End();
        error.End();
        trial.GuestSays(new Exited(start.Id, 7));
        Assert.Equal("answer", await TextAsync(pipes.Output.ReadAsync));
        Assert.Equal(7, (await client.ReceiveAsync())!.Value.Read<Exited>().Code);
    });

    [Fact]
    public void A_signal_alone_is_for_the_workload() => SupervisorTrial.Run(static async trial =>
    {
        using SupervisorClient client = trial.Connect();
        await client.SendAsync(new Signal(Start.Workload, 28));
        Assert.Equal(28, await trial.Signalled);
        Assert.Null(await client.ReceiveAsync());
    });

    [Theory]
    [InlineData(0)]
    [InlineData(65)]
    public void A_signal_that_there_is_not_ends_its_client_alone(byte number) => SupervisorTrial.Run(async trial =>
    {
        using SupervisorClient client = trial.Connect(), other = trial.Connect();
        await client.SendAsync(new Signal(Start.Workload, number));
        Assert.Null(await client.ReceiveAsync());
        await other.SendAsync(new Signal(Start.Workload, 1));
        Assert.Equal(1, await trial.Signalled);
    });

    [Fact]
    public void A_failure_is_told_without_what_a_terminal_would_obey() => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        using SupervisorClient client = trial.Connect();
        using Pipes pipes = new(trial);
        await client.SendAsync(new Start(0, Spec), pipes.Theirs);
        Start start = await EndedStartAsync(trial);
        trial.GuestSays(new StartFailed(start.Id, 127, "not\u001b[2J found"));
        StartFailed failed = (await client.ReceiveAsync())!.Value.Read<StartFailed>();
        Assert.Equal(127, failed.Code);
        Assert.DoesNotContain('\u001b', failed.Message);
    });

    [Fact]
    public void An_exec_without_its_three_files_is_not_told_to_the_guest() => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        using SupervisorClient without = trial.Connect(), after = trial.Connect();
        await without.SendAsync(new Start(0, Spec));
        Assert.Null(await without.ReceiveAsync());
        using Pipes pipes = new(trial);
        await after.SendAsync(new Start(0, Spec with { Arguments = ["second"] }), pipes.Theirs);
        Assert.Equal("second", (await EndedStartAsync(trial)).Process.Arguments[0]);
    });

    [Fact]
    public void An_exec_waits_for_the_workload() => SupervisorTrial.Run(static async trial =>
    {
        using SupervisorClient client = trial.Connect();
        using Pipes pipes = new(trial);
        await client.SendAsync(new Start(0, Spec), pipes.Theirs);
        // Answered at once, and after the exec was taken: it was not passed on.
        using SupervisorClient other = trial.Connect();
        await other.SendAsync(new ReadBootReport());
        Assert.Equal(MessageKind.BootReport, (await other.ReceiveAsync())!.Value.Kind);
        Task<Start> told = EndedStartAsync(trial);
        Assert.False(told.IsCompleted);
        trial.StartWorkload();
        Assert.Equal("program", (await told).Process.Arguments[0]);
    });

    [Fact]
    public void A_message_about_a_process_that_does_not_run_is_the_guests_mistake()
        => SupervisorTrial.Run(static async trial =>
    {
        trial.StartWorkload();
        foreach (Action said in (Action[])[
            () => trial.GuestSays(new Started(77)), () => trial.GuestSays(new Exited(77, 0)),
            () => trial.GuestSays(new StartFailed(77, 1, "")), () => trial.GuestSays(new Flushed(1)),
            () => trial.GuestSays(new KernelLog(0, "unasked")),
        ])
            Assert.Throws<WireFormatException>(said);
        using SupervisorClient client = trial.Connect();
        using Pipes pipes = new(trial);
        await client.SendAsync(new Start(0, Spec), pipes.Theirs);
        uint id = (await EndedStartAsync(trial)).Id;
        trial.GuestSays(new Exited(id, 0));
        Assert.NotNull(await client.ReceiveAsync());
        // It has ended already.
        Assert.Throws<WireFormatException>(() => trial.GuestSays(new Exited(id, 0)));
    });

    [Fact]
    public void Questions_are_answered_each_on_its_own_connection() => SupervisorTrial.Run(static async trial =>
    {
        using SupervisorClient early = trial.Connect(), log = trial.Connect(), limits = trial.Connect();
        using SupervisorClient report = trial.Connect();
        trial.Timeline.Ended("step");
        await report.SendAsync(new ReadBootReport());
        Assert.Equal("step", (await report.ReceiveAsync())!.Value.Read<BootReport>().Steps[0].Name);
        // Nothing runs that could have written anything.
        await early.SendAsync(new Flush(0));
        Assert.NotNull(await early.ReceiveAsync());
        trial.StartWorkload();
        await log.SendAsync(new ReadKernelLog(0));
        ReadKernelLog question = await trial.GuestExpectsAsync<ReadKernelLog>();
        trial.GuestSays(new KernelLog(question.Id, "log"));
        Assert.Equal("log", (await log.ReceiveAsync())!.Value.Read<KernelLog>().Text);
        // Processes are not counted in a machine that was started without a limit.
        await limits.SendAsync(new SetLimits(0, 5));
        string refused = (await limits.ReceiveAsync())!.Value.Read<LimitsSet>().Failure;
        Assert.StartsWith("a machine that was started without --pids-limit", refused, StringComparison.Ordinal);
    });

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 2 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 200 })]
    [InlineData(new byte[] { 2, 0, 0, 0, 33, 0 })]
    public void Bytes_that_are_no_question_end_their_connection_alone(byte[] bytes)
        => SupervisorTrial.Run(async trial =>
    {
        using SupervisorClient hostile = trial.Connect(), other = trial.Connect();
        await hostile.SendBytesAsync(bytes);
        Assert.Null(await hostile.ReceiveAsync());
        await other.SendAsync(new ReadBootReport());
        Assert.NotNull(await other.ReceiveAsync());
    });

    // A process whose streams have ended.
    private static async Task<Start> EndedStartAsync(SupervisorTrial trial)
    {
        (Start start, Channel input, Channel output, Channel error) = await trial.GuestStartsAsync();
        foreach (Channel channel in (Channel[])[input, output, error]) channel.Close();
        return start;
    }

    private static async Task<string> TextAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        byte[] buffer = new byte[100];
        return Encoding.UTF8.GetString(buffer, 0, await read(buffer));
    }

    /// <summary>Standard streams of a client, and their other ends.</summary>
    private sealed class Pipes : IDisposable
    {
        internal Pipes(SupervisorTrial trial)
        {
            (SafeFileHandle input, SafeFileHandle inputEnd) = FileDescriptor.Pipe();
            (SafeFileHandle outputEnd, SafeFileHandle output) = FileDescriptor.Pipe();
            (SafeFileHandle errorEnd, SafeFileHandle error) = FileDescriptor.Pipe();
            Theirs = [input, output, error];
            (Input, Output, Error) = (trial.Watch(inputEnd), trial.Watch(outputEnd), errorEnd);
        }

        internal SafeFileHandle[] Theirs { get; }

        internal AsyncFile Input { get; }

        internal AsyncFile Output { get; }

        private SafeFileHandle Error { get; }

        internal void CloseTheirs()
        {
            foreach (SafeFileHandle file in Theirs) file.Dispose();
        }

        public void Dispose()
        {
            CloseTheirs();
            Input.Dispose();
            Output.Dispose();
            Error.Dispose();
        }
    }
}
