using Runcvm.Egress;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Syntax;

namespace Runcvm.Supervisor;

/// <summary>What others may ask of a running machine, over its control socket. Each question has a connection of its
/// own.</summary>
/// <param name="console">what the guest's console said</param>
/// <param name="timeline">where the time of the start went</param>
/// <param name="link">to the guest</param>
/// <param name="workloadStarted">before that the guest answers nothing, and has nothing to flush</param>
/// <param name="limits">what can be changed</param>
internal sealed class ControlAnswers(TextRing console, Timeline timeline, GuestLink link, Task workloadStarted, RunningLimits limits)
{
    private readonly Dictionary<uint, TaskCompletionSource<string>> _questions = [];
    private uint _lastQuestion;

    /// <summary>uname -r of the guest, once it has said so.</summary>
    internal string KernelRelease { get; set; } = "";

    /// <summary>Decides about names, where there is a policy.</summary>
    internal NameGuard? Names { get; init; }

    /// <summary>Answers one question; whatever is none ends the connection.</summary>
    internal async Task AnswerAsync(ReceivedMessage question, AsyncFile client)
    {
        switch (question.Kind)
        {
            case MessageKind.WatchConsole:
                await ShowConsoleAsync(client, question.Read<WatchConsole>().Follow);
                break;
            case MessageKind.ReadBootReport:
                question.Read<ReadBootReport>();
                await client.SendAsync(new BootReport(KernelRelease, timeline.Steps));
                break;
            case MessageKind.ReadKernelLog:
                question.Read<ReadKernelLog>();
                await workloadStarted;
                string log = await AskGuestAsync(client, static id => new ReadKernelLog(id));
                await client.SendAsync(new KernelLog(0, log));
                break;
            case MessageKind.Flush:
                question.Read<Flush>();
                if (workloadStarted.IsCompleted) await FlushAsync(client);
                await client.SendAsync(new Flushed(0));
                break;
            case MessageKind.SetLimits:
                string failure = await limits.SetAsync(question.Read<SetLimits>());
                // Whoever asks moves the balloon next. A guest does one thing after the other: once it answers, the driver is there.
                if (limits.OthersMoveTheBalloon) await FlushAsync(client);
                await client.SendAsync(new LimitsSet(failure));
                break;
            case MessageKind.ReadNames:
                question.Read<ReadNames>();
                await client.SendAsync(AnsweredNames());
                break;
            case MessageKind.ChangeEgress:
                await client.SendAsync(new EgressChanged(Change(question.Read<ChangeEgress>())));
                break;
        }
    }

    /// <summary>Hands over the guest's answer. One that nobody asked for is the guest's mistake.</summary>
    internal void Deliver(ReceivedMessage message)
    {
        (uint id, string answer) = message.Kind == MessageKind.KernelLog
            ? Answer(message.Read<KernelLog>()) : (message.Read<Flushed>().Id, "");
        if (id == 0 || id > _lastQuestion)
            throw new WireFormatException($"it sent message {(byte)message.Kind}, for which nobody had asked");
        // The client may have gone.
        if (_questions.Remove(id, out TaskCompletionSource<string>? question)) question.SetResult(answer);
    }

    private NamesRead AnsweredNames() => new(
        [.. (Names?.Answered() ?? []).Select(static item =>
            new AnsweredName(item.Name, item.Address.ToBytes(), item.IsEnough))]);

    // The host's verb has checked all this, and has written the tables by it.
    private string Change(ChangeEgress change)
    {
        try
        {
            var policy = EgressPolicy.Parse(new OptionText("the policy", change.Rules), isChanged: true);
            if (Names == null || policy == null || change.Index >= Names.Count
                || change.Sets.Count != policy.Rules.Count)
                return "that is no policy of this machine's";
            Names.Change((int)change.Index, policy, [.. change.Sets.Select(static set => (int)set)]);
            return "";
        }
        catch (UsageException e)
        {
            return e.Message;
        }
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
                await client.SendAsync(new ConsoleText(buffer[..n]));
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
        => AskGuestAsync(client, static id => new Flush(id));

    private async Task<string> AskGuestAsync<T>(AsyncFile client, Func<uint, T> question)
        where T : IMessage<T>
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
            await link.SendAsync(question(id));
            return await answer.Task;
        }
    }
}
