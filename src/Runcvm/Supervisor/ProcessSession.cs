using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Supervisor;

/// <summary>One process of the guest: its three channels tied to three files of the host.</summary>
internal sealed class ProcessSession
{
    private readonly GuestLink _link;
    private readonly AsyncFile _inputFile;
    private readonly AsyncFile[] _outputFiles;
    private readonly OutputWriter[] _outputs = new OutputWriter[2];
    private readonly TaskCompletionSource<ProcessEnd> _ended = new();
    private readonly SafeFileHandle? _terminal;
    private Channel? _input;

    internal ProcessSession(EventLoop loop, GuestLink link, uint id, bool hasTerminal, SafeFileHandle input, SafeFileHandle output, SafeFileHandle error)
    {
        Id = id;
        _link = link;
        _inputFile = AsyncFile.Reopen(loop, input, forWriting: false, forReading: true);
        SafeFileHandle[] outputs = [output, error];
        _outputFiles = [.. outputs.Select(file => AsyncFile.Reopen(loop, file, forWriting: true, forReading: false))];
        if (hasTerminal) _terminal = input;
    }

    internal uint Id { get; }

    /// <summary>The pod's container in which it runs; 0 is the machine.</summary>
    internal uint Container { get; init; }

    /// <summary>Ends with the process, or with the failure to start it.</summary>
    internal Task<ProcessEnd> Ended => _ended.Task;

    /// <summary>Asks the guest for the process.</summary>
    /// <param name="process">what to run</param>
    /// <param name="started">is called when the guest may say something about it</param>
    /// <exception cref="ChannelClosedException">the guest is gone</exception>
    internal Task StartAsync(ProcessSpec process, Action started)
        => BeginAsync(new Start(Id, process) { Container = Container }, started);

    /// <summary>Tells the guest of the process by another message.</summary>
    internal async Task BeginAsync<T>(T message, Action started)
        where T : IMessage<T>
    {
        try
        {
            await _link.AnnounceAsync(message, () =>
            {
                OpenChannels();
                started();
            });
        }
        catch (ChannelClosedException)
        {
            _inputFile.Dispose();
            foreach (AsyncFile file in _outputFiles) file.Dispose();
            throw;
        }
    }

    /// <summary>Relays the streams until all of them have ended.</summary>
    internal Task RunAsync()
    {
        if (_terminal != null) PseudoTerminal.MakeRaw(_terminal);
        return Task.WhenAll(RelayInputAsync(_input!), _outputs[0].RunAsync(), _outputs[1].RunAsync());
    }

    private void OpenChannels()
    {
        _input = _link.Multiplexer.Open(Start.ChannelOf(Id, 0));
        for (uint i = 0; i < _outputs.Length; i++)
            _outputs[i] = new OutputWriter(_link.Multiplexer.Open(Start.ChannelOf(Id, i + 1)), _outputFiles[i]);
    }

    internal Task SignalAsync(int number) => _link.SendAsync(new Signal(Id, (byte)number));

    /// <summary>Tells the guest how large the window is now.</summary>
    internal Task ResizeAsync()
    {
        if (_terminal == null) return Task.CompletedTask;
        (ushort rows, ushort columns) = PseudoTerminal.GetSize(_terminal);
        return ResizeAsync(rows, columns);
    }

    internal Task ResizeAsync(ushort rows, ushort columns)
        => _link.SendAsync(new Resize(Id, rows, columns));

    /// <summary>The guest says that the process has ended: reported once all it wrote is with the reader.</summary>
    internal async Task CompleteAsync(ProcessEnd end)
    {
        _inputFile.Dispose();
        _input!.Close();
        foreach (OutputWriter output in _outputs) await output.DrainAsync();
        _ended.TrySetResult(end);
    }

    /// <summary>Closes the streams, though somebody in the guest may still hold them.</summary>
    internal void CloseOutputs()
    {
        foreach (OutputWriter output in _outputs) output.Close();
    }

    private async Task RelayInputAsync(Channel input)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            for (int n; (n = await _inputFile.ReadAsync(buffer)) > 0;) await input.WriteAsync(buffer.AsMemory(0, n));
            input.End();
        }
        catch (Exception e) when (e is ObjectDisposedException or ChannelClosedException or LinuxException { Errno: Errno.EIO or Errno.ECONNRESET })
        {
            // The process or the user's terminal is gone: nobody is left to read, or to write.
            input.End();
        }
    }
}

/// <summary>How a process ended.</summary>
/// <param name="Code">its exit code, or 125 to 127 if it did not start</param>
/// <param name="Failure">why it did not start, or null</param>
internal sealed record ProcessEnd(int Code, string? Failure = null)
{
    /// <summary>the guest ran out of memory, and that was the end of it</summary>
    internal bool OutOfMemory { get; init; }
}
