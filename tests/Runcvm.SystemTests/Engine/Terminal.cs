using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Terminals;

namespace Runcvm.SystemTests.Engine;

/// <summary>A person at a terminal who types `docker` commands.</summary>
internal sealed class Terminal : IDisposable
{
    private readonly Docker _docker;
    private readonly SafeFileHandle _master;
    private readonly SafeFileHandle _slave;
    private readonly FileStream _stream;
    private readonly StringBuilder _screen = new();
    private ChildProcess? _child;

    public Terminal(Docker docker, ushort rows, ushort columns)
    {
        _docker = docker;
        (_master, _slave) = PseudoTerminal.Open("/dev/ptmx");
        _stream = new FileStream(_master, FileAccess.ReadWrite, bufferSize: 0);
        PseudoTerminal.SetSize(_master, rows, columns);
    }

    public void Start(IEnumerable<string> arguments)
    {
        string[] environment = [.. _docker.Environment, $"PATH={Environment.GetEnvironmentVariable("PATH")}", "TERM=xterm"];
        // setsid makes it the controlling terminal, which alone sends SIGWINCH and SIGINT.
        _child = ChildProcess.Start(
            "/usr/bin/setsid", ["setsid", "--ctty", "docker", .. arguments], environment, [(0, _slave), (1, _slave), (2, _slave)]);
        _slave.Dispose();
        _ = Task.Factory.StartNew(Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public void Resize(ushort rows, ushort columns) => PseudoTerminal.SetSize(_master, rows, columns);

    public void Write(ReadOnlySpan<byte> bytes) => _stream.Write(bytes);

    public Task ReadUntilAsync(string text)
        => Eventually.TrueAsync(
            () => Task.FromResult(Screen.Contains(text, StringComparison.Ordinal)), $"'{text}' on the terminal", seen: () => $"'{Screen}'");

    public string Screen
    {
        get { lock (_screen) return _screen.ToString(); }
    }

    public Task<int> EndAsync() => Task.Run(() =>
    {
        ExitStatus status = _child!.Wait();
        _child.Dispose();
        _child = null;
        return status.ShellCode;
    }).WaitAsync(Patience.Times(Command.DefaultTimeout));

    public void Dispose()
    {
        if (_child is not null)
        {
            _child.Kill(9);
            _child.Wait();
            _child.Dispose();
        }

        _slave.Dispose();
        _stream.Dispose();
        _master.Dispose();
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (_stream.Read(buffer) is > 0 and int count)
                lock (_screen) _screen.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // EIO: the last process has closed its side.
        }
    }
}
