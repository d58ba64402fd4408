using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Operating;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Operating;

/// <summary>Answers of a supervisor that somebody took over.</summary>
public sealed class SupervisorSocketTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    private readonly SafeFileHandle _ours;
    private readonly SafeFileHandle _theirs;
    private readonly MemoryStream _shown = new();

    public SupervisorSocketTests()
    {
        (_ours, _theirs) = UnixSocket.Pair();
        FileDescriptor.SetNonBlocking(_ours);
    }

    public void Dispose()
    {
        _ours.Dispose();
        _theirs.Dispose();
        _shown.Dispose();
    }

    [Fact]
    public void A_console_is_shown_to_its_end()
    {
        Say(Frame("one "u8), Frame("two"u8));
        StreamListener.EndWriting(_theirs);
        Watch(Long);
        Assert.Equal("one two"u8.ToArray(), _shown.ToArray());
    }

    [Fact]
    public void A_supervisor_that_says_nothing_is_not_waited_for()
    {
        Assert.Contains("does not come to its end", Assert.Throws<UsageException>(() => Watch(Patience)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10_000)]
    public void A_supervisor_that_goes_on_and_on_is_listened_to_no_longer(int length)
    {
        byte[] text = Frame(new byte[length]);
        var speaking = new Thread(() =>
        {
            try
            {
                while (true) Say(text);
            }
            catch (Exception e) when (e is Linux.LinuxException or ObjectDisposedException)
            {
                // Nobody listens any more.
            }
        });
        speaking.Start();
        Watch(Long);
        _ours.Dispose();
        speaking.Join();
        Assert.InRange(_shown.Length, length, 2 * 1024 * 1024);
    }

    [Fact]
    public void What_cannot_be_a_consoles_text_is_refused()
    {
        Say(MessageReader.Frame(MessageKind.ConsoleText, [255, 255, 255, 255, 1]));
        Assert.Throws<WireFormatException>(() => Watch(Long));
    }

    private void Watch(TimeSpan patience)
    {
        // Closed when it has been watched.
        SafeFileHandle socket = FileDescriptor.Duplicate(_ours);
        SupervisorSocket.WatchConsole(socket, false, bytes => _shown.Write(bytes), patience);
    }

    private void Say(params byte[][] messages)
    {
        foreach (byte[] message in messages) FileDescriptor.WriteAll(_theirs, message);
    }

    private static byte[] Frame(ReadOnlySpan<byte> text) => MessageReader.Frame(new ConsoleText(text.ToArray()));
}
