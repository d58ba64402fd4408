using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

/// <summary>The supervisor's side of execs and questions without a machine: a real control socket, real streams, and a
/// socket pair in place of the port to the guest, at whose other end a test is the guest.</summary>
internal sealed class SupervisorTrial : IDisposable
{
    // Nothing takes so long but what never ends.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-supervisor-").FullName;
    private readonly EventLoop _loop = new();
    private readonly Multiplexer _guest = new();
    private readonly MessageReader _toGuest;
    private readonly Channel _control;
    private readonly TaskCompletionSource _workloadStarted = new();
    private readonly TaskCompletionSource<int> _signalled = new();

    private SupervisorTrial()
    {
        _guest.SpokenTo = Spoken.Add;
        _control = _guest.Open(Start.ControlChannel);
        _toGuest = new MessageReader(_control.ReadAsync);
        Link = new GuestLink(new Multiplexer());
        var description = new MachineDescription
        {
            Hypervisor = "/hypervisor",
            HypervisorUser = 1900000000,
            KernelCommandLine = "",
            Hardware = new Hardware { MemoryBytes = 1 << 30 },
        };
        var limits = new RunningLimits(new SilentMachine(), Link, description, _workloadStarted.Task);
        Answers = new ControlAnswers(Console, Timeline, Link, _workloadStarted.Task, limits);
        Machine = new SilentMachine { WhenContinued = () => Continued++ };
        Saving = new MachineSaving(Machine, Link, _workloadStarted.Task);
        Server = new ControlServer(
            _loop, Link, new MachineLog(0), _workloadStarted.Task, Answers, UnixSocket.Listen(SocketPath))
        {
            Signal = TakeSignal,
            Saving = Saving,
        };
    }

    /// <summary>Ends with the signal that a client has for the workload.</summary>
    internal Task<int> Signalled => _signalled.Task;

    internal GuestLink Link { get; }

    internal TextRing Console { get; } = new(4096);

    internal Timeline Timeline { get; } = new();

    internal ControlAnswers Answers { get; }

    internal ControlServer Server { get; }

    /// <summary>That is saved.</summary>
    internal SilentMachine Machine { get; }

    internal MachineSaving Saving { get; }

    /// <summary>How often the machine was to go on.</summary>
    internal int Continued { get; private set; }

    /// <summary>What the guest was told after pauses: whether it is another host that speaks.</summary>
    internal List<bool> Spoken { get; } = [];

    private string SocketPath => Path.Combine(_folder, "control.sock");

    /// <summary>Runs the supervisor's side and a script of client and guest beside it.</summary>
    internal static void Run(Func<SupervisorTrial, Task> script)
    {
        using var trial = new SupervisorTrial();
        trial._loop.Run(async () =>
        {
            await trial.PlayAsync(script);
            return 0;
        });
    }

    /// <summary>The guest has said that the workload runs.</summary>
    internal void StartWorkload() => _workloadStarted.TrySetResult();

    /// <summary>A client of the control socket.</summary>
    internal SupervisorClient Connect() => new(_loop, UnixSocket.Connect(SocketPath));

    /// <summary>What the guest is told next, which must be this.</summary>
    internal async Task<T> GuestExpectsAsync<T>()
        where T : IMessage<T>
    {
        ReceivedMessage? message = await _toGuest.ReadAsync();
        Assert.NotNull(message);
        Assert.Equal(T.Kind, message.Value.Kind);
        return message.Value.Read<T>();
    }

    /// <summary>The guest is told to start a process: it opens its channels before anything else comes.</summary>
    internal async Task<(Start Start, Channel Input, Channel Output, Channel Error)> GuestStartsAsync()
    {
        Start start = await GuestExpectsAsync<Start>();
        return (start, GuestOpens(start.Id, 0), GuestOpens(start.Id, 1), GuestOpens(start.Id, 2));
    }

    /// <summary>What the guest says goes to the one that it is for, as <see cref="GuestSession"/> has it.</summary>
    internal void GuestSays<T>(T message)
        where T : IMessage<T>
    {
        var received = new ReceivedMessage(T.Kind, WireBytes.Of(message).ToArray());
        if (T.Kind is MessageKind.KernelLog or MessageKind.Flushed) Answers.Deliver(received);
        else Server.Deliver(received);
    }

    /// <summary>An end of a pipe, which the loop can wait for.</summary>
    internal AsyncFile Watch(SafeFileHandle file) => AsyncFile.NonBlocking(_loop, file);

    public void Dispose()
    {
        _loop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task TakeSignal(int number)
    {
        _signalled.SetResult(number);
        return Task.CompletedTask;
    }

    private Channel GuestOpens(uint process, uint stream) => _guest.Open(Start.ChannelOf(process, stream));

    private async Task PlayAsync(Func<SupervisorTrial, Task> script)
    {
        (SafeFileHandle hostEnd, SafeFileHandle guestEnd) = UnixSocket.Pair();
        using AsyncFile host = AsyncFile.NonBlocking(_loop, hostEnd), guest = AsyncFile.NonBlocking(_loop, guestEnd);
        Task hostRun = PumpAsync(Link.Multiplexer, host), guestRun = PumpAsync(_guest, guest);
        Task serving = Server.RunAsync();
        Task playing = script(this);
        using var over = new CancellationTokenSource();
        Task first = await Task.WhenAny(playing, _loop.DelayAsync(Patience, over.Token));
        Assert.True(first == playing, "it still waits");
        await over.CancelAsync();
        await playing;
        Server.Dispose();
        await serving;
        host.Dispose();
        guest.Dispose();
        await Task.WhenAll(hostRun, guestRun);
    }

    private static async Task PumpAsync(Multiplexer multiplexer, AsyncFile stream)
    {
        try
        {
            await multiplexer.RunAsync(stream.ReadAsync, stream.WriteAsync);
        }
        catch (Exception e) when (e is ObjectDisposedException or ChannelClosedException)
        {
            // The script is over.
        }
    }
}
