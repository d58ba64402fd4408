using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Shares;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.GuestTrials;

/// <summary>A <see cref="GuestTrial"/> and the host's half of its stream, which a test writes as a script.</summary>
internal sealed class TrialMachine : IDisposable
{
    private const ulong Bind = 4096, Recursive = 16384;

    // Nothing takes so long but what never ends.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // What a process can be given is what this one has.
    private static readonly ulong Own = ulong.Parse(
        File.ReadLines("/proc/self/status").First(
            static line => line.StartsWith("CapPrm:", StringComparison.Ordinal))[7..].Trim(),
        System.Globalization.NumberStyles.HexNumber);

    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-trial-").FullName;
    private readonly EventLoop _loop = new();
    private readonly Multiplexer _multiplexer = new();
    private readonly SafeFileHandle _stream;
    private readonly SafeFileHandle _shares;
    private readonly SafeFileHandle _log;
    private readonly ChildProcess _guest;
    private readonly Channel _control;
    private readonly MessageReader _messages;
    private readonly FileServer _files;
    private bool _hasStopped;
    private bool _hasEnded;

    private TrialMachine()
    {
        (_stream, SafeFileHandle stream) = RawTerminal();
        (_shares, SafeFileHandle shares) = RawTerminal();
        Root = Directory.CreateDirectory(Path.Combine(_folder, "served")).FullName;
        Directory.CreateDirectory(Path.Combine(Root, "etc"));
        GuestTrial.LinkSystemFolders(Root);
        _log = FileDescriptor.Open(
            Path.Combine(_folder, "log"), OpenFlags.ReadWrite | OpenFlags.Create, Permission.PlainFile);
        _files = new FileServer(
            new SharedRoot(Root, ReadOnly: false), CachePolicy.Auto, new NodeLimit(10_000), static _ => { });
        new Thread(ServeFiles) { IsBackground = true, Name = "trial shares" }.Start();
        _control = _multiplexer.Open(Start.ControlChannel);
        _messages = new MessageReader(_control.ReadAsync, MessageReader.MaxLengthOfGuest);
        string program = Path.Combine(AppContext.BaseDirectory, "Runcvm.Tests");
        using (stream)
        using (shares)
        using (SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite))
        {
            _guest = ChildProcess.Start(
                program, [program, GuestTrial.Sandbox, _folder, NameOf(stream), NameOf(shares)],
                CurrentProcess.Environment,
                [(0, nothing), (1, _log), (2, _log), (3, stream), (4, shares)], newSession: true);
        }
    }

    /// <summary>The workload's root, as the host sees it.</summary>
    internal string Root { get; }

    /// <summary>The id of the guest's init on the host.</summary>
    internal int InitId
        => int.Parse(File.ReadAllText(Children).Trim().Split(' ')[0]);

    private string Children => $"/proc/{_guest.Id}/task/{_guest.Id}/children";

    /// <summary>Boots a guest, says hello, and goes through the script.</summary>
    internal static void Run(Func<TrialMachine, Task> script)
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "making namespaces needs root");
        Assert.SkipUnless(File.Exists("/dev/fuse"), "this kernel has no /dev/fuse");
        using var machine = new TrialMachine();
        machine._loop.Run(async () =>
        {
            await machine.PlayAsync(script);
            return 0;
        });
    }

    /// <summary>Set-up of a machine whose root is a share, with what a program needs that .NET runs.</summary>
    internal static Setup Setup(params IEnumerable<GuestMount> mounts) => new()
    {
        HostName = "trial",
        ScratchDisk = "scratch",
        RootShare = 1,
        Mounts =
        [
            .. GuestTrial.NeededFolders.Select(
                static folder => new GuestMount("none", folder, folder, Bind | Recursive, "")),
            new GuestMount("none", "/dev", "/dev", Bind | Recursive, ""),
            new GuestMount("devpts", "devpts", "/dev/pts", 0, "newinstance,ptmxmode=0666,mode=0620"),
            .. mounts,
        ],
    };

    internal static ProcessSpec Shell(string script) => Program("sh", "-c", script);

    internal static ProcessSpec Program(params IReadOnlyList<string> arguments) => new()
    {
        Arguments = arguments,
        Environment = ["PATH=/usr/bin:/bin"],
        WorkingDirectory = "/",
        Capabilities = new CapabilityBits(Own, Own, Own, 0, 0),
    };

    internal Channel Open(uint process, uint stream) => _multiplexer.Open(Start.ChannelOf(process, stream));

    internal Channel OpenChannel(uint id) => _multiplexer.Open(id);

    internal ValueTask SendAsync<T>(T message)
        where T : IMessage<T>
        => _control.WriteAsync(MessageReader.Frame(message));

    /// <summary>Sends bytes that may be no message.</summary>
    internal ValueTask SendAsync(MessageKind kind, byte[] body) => _control.WriteAsync(MessageReader.Frame(kind, body));

    /// <summary>Starts a process with its three channels.</summary>
    internal async Task<TrialProcess> StartAsync(uint id, ProcessSpec spec)
    {
        var process = new TrialProcess(this, id);
        await SendAsync(new Start(id, spec));
        return process;
    }

    /// <summary>Boots to where the workload runs.</summary>
    internal async Task<TrialProcess> BootAsync(Setup setup, ProcessSpec workload)
    {
        await SendAsync(setup);
        TrialProcess process = await StartAsync(Start.Workload, workload);
        await ExpectAsync<Started>();
        return process;
    }

    /// <summary>The next message that is no notice, which must be this one.</summary>
    internal async Task<T> ExpectAsync<T>()
        where T : IMessage<T>
    {
        while (true)
        {
            ReceivedMessage message = await _messages.ReadAsync()
                ?? throw new InvalidDataException("the guest ended: " + Log());
            if (message.Kind is MessageKind.Notice or MessageKind.Listening && message.Kind != T.Kind) continue;
            _hasStopped |= message.Kind == MessageKind.Stopped;
            Assert.True(message.Kind == T.Kind, $"{message.Kind} came instead of {T.Kind}: {Text(message)}{Log()}");
            return message.Read<T>();
        }
    }

    internal Task ExpectStoppedAsync() => ExpectAsync<Stopped>();

    /// <summary>What a channel brings until its end, or until it holds a text.</summary>
    internal static async Task<string> ReadAsync(Channel channel, string? until = null)
    {
        var text = new StringWriter();
        byte[] buffer = new byte[4096];
        while (until == null || !text.ToString().Contains(until, StringComparison.Ordinal))
        {
            int n = await channel.ReadAsync(buffer);
            if (n == 0) break;
            text.Write(System.Text.Encoding.UTF8.GetString(buffer, 0, n));
        }

        return text.ToString();
    }

    public void Dispose()
    {
        if (!_hasEnded)
        {
            AbortShares();
            _guest.Kill(SignalNumber.Kill);
            _guest.Wait();
        }

        _guest.Dispose();
        _stream.Dispose();
        _shares.Dispose();
        _log.Dispose();
        _loop.Dispose();
        _files.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task PlayAsync(Func<TrialMachine, Task> script)
    {
        using AsyncFile stream = AsyncFile.NonBlocking(_loop, _stream);
        Task pump = PumpAsync(stream);
        Task playing = GoThroughAsync(script);
        using var over = new CancellationTokenSource();
        Task first = await Task.WhenAny(playing, _loop.DelayAsync(Patience, over.Token));
        Assert.True(first == playing, "the guest stands still: " + Log());
        await over.CancelAsync();
        await playing;
        // The host takes a machine away that has stopped: how its init ends then is nobody's business.
        stream.Dispose();
        await pump;
        await AsyncFile.WaitForExitAsync(_loop, _guest);
        _hasEnded = true;
    }

    private async Task GoThroughAsync(Func<TrialMachine, Task> script)
    {
        Hello hello = await ExpectAsync<Hello>();
        Assert.Equal(Hello.CurrentVersion, hello.Version);
        await script(this);
        // A guest that goes on is ended as a machine is: by the end of its workload, after which it unmounts all.
        if (!_hasStopped) await SendAsync(new Signal(Start.Workload, SignalNumber.Kill));
        while (!_hasStopped)
        {
            ReceivedMessage message = await _messages.ReadAsync()
                ?? throw new InvalidDataException("the guest ended: " + Log());
            _hasStopped = message.Kind == MessageKind.Stopped;
        }
    }

    private async Task PumpAsync(AsyncFile stream)
    {
        try
        {
            await _multiplexer.RunAsync(stream.ReadAsync, stream.WriteAsync);
        }
        catch (Exception e) when (
            e is ObjectDisposedException or ChannelClosedException or LinuxException { Errno: Errno.EIO })
        {
            // One side has closed the terminal: the script says which of the two, and whether it should have.
        }
    }

    // A process that is killed while it waits for a file that it serves itself would wait for ever.
    private void AbortShares()
    {
        // It may not have been started yet.
        if (File.ReadAllText(Children).Trim().Length == 0) return;
        string init = $"/proc/{InitId}";
        foreach (string mount in File.ReadLines(init + "/mountinfo"))
        {
            if (!mount.Contains(" - fuse.runcvm ", StringComparison.Ordinal)) continue;
            string connection = mount.Split(' ')[2].Split(':')[1];
            File.WriteAllText($"{init}/root/sys/fs/fuse/connections/{connection}/abort", "1");
        }
    }

    private void ServeFiles()
    {
        var stream = new WaitingFile(_shares);
        var receiver = new ShareReceiver(stream.Read);
        var sender = new ShareSender(stream.Write);
        byte[] reply = new byte[ShareFrame.Size + FileServer.MaxReply];
        try
        {
            while (receiver.Receive() is { } message)
            {
                int length = _files.Handle(message.Span, reply.AsSpan(ShareFrame.Size));
                message.Return();
                if (length > 0) sender.Send(message.Share, reply.AsSpan(0, ShareFrame.Size + length));
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or LinuxException or WireFormatException)
        {
            // The guest has ended, and the terminal with it.
        }
    }

    private string Log() => File.ReadAllText(Path.Combine(_folder, "log"));

    private static string Text(ReceivedMessage message) => message.Kind switch
    {
        MessageKind.Failed => message.Read<Failed>().Message,
        MessageKind.StartFailed => message.Read<StartFailed>().Message,
        _ => "",
    };

    private static (SafeFileHandle Master, SafeFileHandle Slave) RawTerminal()
    {
        (SafeFileHandle master, SafeFileHandle slave) = PseudoTerminal.Open("/dev/ptmx");
        PseudoTerminal.MakeRaw(slave);
        return (master, slave);
    }

    private static string NameOf(SafeFileHandle file) => new FileInfo(FileDescriptor.PathOf(file)).LinkTarget!;
}
