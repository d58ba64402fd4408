using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>What people may ask about a running machine, over its control socket. Each question has a connection of its
/// own, and none of them touches the machine's work.</summary>
internal sealed class Observation(TextRing console, Timeline timeline, GuestLink link)
{
    private readonly Dictionary<uint, TaskCompletionSource<string>> _questions = [];
    private uint _lastQuestion;

    /// <summary>uname -r of the guest, once it has said so.</summary>
    internal string KernelRelease { get; set; } = "";

    /// <summary>Answers one question; whatever is none ends the connection.</summary>
    internal async Task AnswerAsync(MessageKind kind, byte[] body, AsyncFile client)
    {
        switch (kind)
        {
            case MessageKind.WatchConsole:
                await ShowConsoleAsync(client, IsFollowed(body));
                break;
            case MessageKind.ReadBootReport:
                await SendAsync(client, MessageKind.BootReport, new BootReport(KernelRelease, timeline.Steps).Write);
                break;
            case MessageKind.ReadKernelLog:
                string log = await AskForLogAsync();
                await SendAsync(client, MessageKind.KernelLog, new KernelLog(0, log).Write);
                break;
        }
    }

    /// <summary>Hands over the guest's answer. One that nobody asked for is the guest's mistake.</summary>
    internal void Deliver(byte[] body)
    {
        var reader = new WireReader(body);
        KernelLog log = KernelLog.Read(ref reader);
        if (!_questions.Remove(log.Id, out TaskCompletionSource<string>? question))
            throw new WireFormatException("it sent its kernel's log, for which nobody had asked");
        question.SetResult(log.Text);
    }

    // A reader that is slower than the guest misses what the ring has forgotten; the guest does not wait for it.
    private async Task ShowConsoleAsync(AsyncFile client, bool follow)
    {
        byte[] buffer = new byte[16 * 1024];
        long at = 0;
        while (true)
        {
            for (int n; (n = console.Read(ref at, buffer)) > 0;)
                await SendAsync(client, MessageKind.ConsoleText, new ConsoleText(buffer[..n]).Write);
            if (!follow || console.HasEnded) return;
            // Also when the client has gone: it sends nothing more, so whatever can be read is its end.
            if (await Task.WhenAny(console.WaitAsync(), client.ReadableAsync()) is var first && first.IsFaulted) await first;
            if (IsGone(client)) return;
        }
    }

    private static bool IsGone(AsyncFile client)
    {
        Span<byte> one = stackalloc byte[1];
        return Linux.Files.FileDescriptor.TryRead(client.Handle, one) == 0;
    }

    private Task<string> AskForLogAsync()
    {
        var answer = new TaskCompletionSource<string>();
        _questions.Add(++_lastQuestion, answer);
        _ = link.SendAsync(MessageKind.ReadKernelLog, new ReadKernelLog(_lastQuestion).Write);
        return answer.Task;
    }

    private static bool IsFollowed(byte[] body)
    {
        var reader = new WireReader(body);
        return WatchConsole.Read(ref reader).Follow;
    }

    private static ValueTask SendAsync(AsyncFile client, MessageKind kind, Action<WireWriter> write)
    {
        var writer = new WireWriter();
        write(writer);
        return client.WriteAsync(MessageReader.Frame(kind, writer.Written));
    }
}
