using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>What others may ask of a running machine, over its control socket. Each question has a connection of its
/// own.</summary>
/// <param name="console">what the guest's console said</param>
/// <param name="timeline">where the time of the start went</param>
/// <param name="link">to the guest</param>
/// <param name="workloadStarted">before that the guest answers nothing, and has nothing to flush</param>
/// <param name="limits">what can be changed</param>
internal sealed class Observation(TextRing console, Timeline timeline, GuestLink link, Task workloadStarted, RunningLimits limits)
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
                await workloadStarted;
                string log = await AskGuestAsync(
                    client, MessageKind.ReadKernelLog, static id => new ReadKernelLog(id).Write);
                await SendAsync(client, MessageKind.KernelLog, new KernelLog(0, log).Write);
                break;
            case MessageKind.Flush:
                if (workloadStarted.IsCompleted) await FlushAsync(client);
                await SendAsync(client, MessageKind.Flushed, new Flushed(0).Write);
                break;
            case MessageKind.SetLimits:
                string failure = await limits.SetAsync(LimitsIn(body));
                // Whoever asks moves the balloon next. A guest does one thing after the other: once it answers, the driver is there.
                if (limits.OthersMoveTheBalloon) await FlushAsync(client);
                await SendAsync(client, MessageKind.LimitsSet, new LimitsSet(failure).Write);
                break;
        }
    }

    /// <summary>Hands over the guest's answer. One that nobody asked for is the guest's mistake.</summary>
    internal void Deliver(MessageKind kind, byte[] body)
    {
        var reader = new WireReader(body);
        (uint id, string answer) = kind == MessageKind.KernelLog ? Answer(KernelLog.Read(ref reader)) : (Flushed.Read(ref reader).Id, "");
        if (id == 0 || id > _lastQuestion)
            throw new WireFormatException($"it sent message {(byte)kind}, for which nobody had asked");
        // The client may have gone.
        if (_questions.Remove(id, out TaskCompletionSource<string>? question)) question.SetResult(answer);
    }

    private static (uint Id, string Text) Answer(KernelLog log) => (log.Id, log.Text);

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

    private Task<string> FlushAsync(AsyncFile client)
        => AskGuestAsync(client, MessageKind.Flush, static id => new Flush(id).Write);

    private async Task<string> AskGuestAsync(
        AsyncFile client, MessageKind kind, Func<uint, Action<WireWriter>> question)
    {
        var answer = new TaskCompletionSource<string>();
        uint id = ++_lastQuestion;
        _questions.Add(id, answer);
        Task<string> asking = AskAsync();
        // A client sends nothing more: what can be read is its end. A guest that does not answer shall not keep its
        // connection.
        while (!asking.IsCompleted && await Task.WhenAny(asking, client.ReadableAsync()) != asking)
        {
            if (!IsGone(client)) continue;
            _questions.Remove(id);
            throw new ChannelClosedException("nobody waits for the answer any more");
        }

        return await asking;

        async Task<string> AskAsync()
        {
            await link.SendAsync(kind, question(id));
            return await answer.Task;
        }
    }

    private static SetLimits LimitsIn(byte[] body)
    {
        var reader = new WireReader(body);
        return SetLimits.Read(ref reader);
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
