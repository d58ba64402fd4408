using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Processes;

/// <summary>A running process, its standard streams and their channels.</summary>
internal sealed class GuestProcess
{
    private readonly EventLoop _loop;
    private readonly Channel _input;
    private readonly Channel _output;
    private readonly Channel _error;
    private readonly List<OutputRelay> _relays = [];
    private readonly List<Task> _outputs = [];
    // Each number once, as the kernel has it for those below 32.
    private readonly HashSet<int> _earlySignals = [];
    private (ushort Rows, ushort Columns) _size;
    private bool _runs;
    private Task _inputTask = Task.CompletedTask;
    private AsyncFile? _inputFile;
    private SafeFileHandle? _terminal;
    private SafeFileHandle? _held;
    private ChildProcess? _child;
    private AwaitedHandlers? _handlers;

    internal GuestProcess(uint id, Multiplexer multiplexer, EventLoop loop)
    {
        Id = id;
        _loop = loop;
        _input = multiplexer.Open(Start.ChannelOf(id, 0));
        _output = multiplexer.Open(Start.ChannelOf(id, 1));
        _error = multiplexer.Open(Start.ChannelOf(id, 2));
    }

    internal uint Id { get; }

    /// <summary>Its id in the machine's first PID namespace.</summary>
    internal int ProcessId => _child!.Id;

    /// <summary>Starts to relay the streams of a process that is being started.</summary>
    internal void Attach(SafeFileHandle input, SafeFileHandle output, SafeFileHandle error)
    {
        _inputFile = AsyncFile.NonBlocking(_loop, input);
        _inputTask = RelayInputAsync(_inputFile);
        AddOutput(AsyncFile.NonBlocking(_loop, output), _output);
        AddOutput(AsyncFile.NonBlocking(_loop, error), _error);
    }

    /// <summary>The same for a process with a terminal; <paramref name="takesInput"/> is false for a mere console.</summary>
    internal void AttachTerminal(SafeFileHandle master, bool takesInput)
    {
        _terminal = master;
        if (_size.Rows > 0) PseudoTerminal.SetSize(master, _size.Rows, _size.Columns);
        AsyncFile file = AsyncFile.NonBlocking(_loop, master);
        if (takesInput) _inputTask = RelayInputAsync(file);
        else _input.Refuse();
        AddOutput(file, _output);
        _error.End();
    }

    /// <summary>Keeps a file open as long as the process lives. A console nobody has open at the moment has not ended.</summary>
    internal void Hold(SafeFileHandle file) => _held = file;

    /// <summary>Whether nobody is to be told of it.</summary>
    internal bool IsForgotten { get; private set; }

    /// <summary>Ends a process of which the host knows nothing.</summary>
    internal void Forget()
    {
        IsForgotten = true;
        Signal(SignalNumber.Kill);
    }

    /// <summary>Sends a signal; to a process that is being started, once its program runs and can take it.</summary>
    internal void Signal(int number)
    {
        if (!_runs) _earlySignals.Add(number);
        else _handlers!.Send(number);
    }

    /// <summary>Sets the window's size, also ahead of the terminal's being there.</summary>
    internal void Resize(ushort rows, ushort columns)
    {
        _size = (rows, columns);
        if (_terminal is { IsClosed: false }) PseudoTerminal.SetSize(_terminal, rows, columns);
    }

    /// <summary>The program runs.</summary>
    internal void Started(ChildProcess child)
    {
        _child = child;
        _handlers = new AwaitedHandlers(_loop, child);
        _runs = true;
        foreach (int number in _earlySignals) _handlers.Send(number);
    }

    /// <summary>Waits for the end and gives the code that the host reports.</summary>
    internal async Task<int> WaitAsync()
    {
        ExitStatus status = await AsyncFile.WaitForExitAsync(_loop, _child!);
        _runs = false;
        await _handlers!.EndAsync();
        _child!.Dispose();
        _held?.Dispose();
        // The first process of a PID namespace cannot die of SIGINT but by reboot(2): power off or halt, which is a clean
        // end. A restart is SIGHUP and stays 129, so that restart policies see it. pid_namespaces(7).
        return Id == Start.Workload && status.Signal == SignalNumber.Interrupt ? 0 : status.ShellCode;
    }

    /// <summary>Ends when everything written before now was sent to the host.</summary>
    internal Task OutputDrainedAsync() => Task.WhenAll(_relays.ConvertAll(static relay => relay.DrainAsync()));

    /// <summary>Ends when every writer has closed the streams and all of it was sent, and forgets the channels.</summary>
    internal async Task OutputEndedAsync()
    {
        _inputFile?.Dispose();
        _input.Close();
        await _inputTask;
        await Task.WhenAll(_outputs);
        _output.Close();
        _error.Close();
    }

    /// <summary>Gives the channels up when the process could not be started.</summary>
    internal void Abandon()
    {
        _input.Close();
        _output.Close();
        _error.Close();
    }

    private void AddOutput(AsyncFile file, Channel channel)
    {
        var relay = new OutputRelay(file, channel);
        _relays.Add(relay);
        _outputs.Add(relay.RunAsync());
    }

    private async Task RelayInputAsync(AsyncFile file)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            for (int n; (n = await _input.ReadAsync(buffer)) > 0;) await file.WriteAsync(buffer.AsMemory(0, n));
            // A terminal has no end of its own: the user's ^D travels as a byte.
            if (_terminal == null) file.Dispose();
        }
        catch (Exception e) when (e is ObjectDisposedException or ChannelClosedException or LinuxException { Errno: Errno.EPIPE or Errno.EIO })
        {
            // Nobody reads it any more: the process has closed its input or ended.
            _input.Refuse();
            if (_terminal == null) file.Dispose();
        }
    }
}
