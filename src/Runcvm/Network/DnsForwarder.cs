using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Dns;
using Runcvm.Protocol.Frames;

namespace Runcvm.Network;

/// <summary>Asks the container's nameserver what the guest wants to know. Docker's own (127.0.0.11) answers in the
/// container's network namespace only. Messages are passed on unread, unless there is a policy about names.</summary>
/// <param name="loop">waits for answers</param>
/// <param name="nameserver">who is asked; null where nobody can be</param>
/// <param name="write">writes to the guest</param>
/// <param name="guard">decides which names are asked for; null leaves that to the guest</param>
internal sealed class DnsForwarder(
    EventLoop loop, Func<IPv4End?> nameserver, Func<ReadOnlyMemory<byte>, ValueTask> write, NameGuard? guard = null)
{
    // Each question has a socket, and the namespace has 4096 ports. A client whose question is dropped asks again.
    private const int MaxQuestions = 2048;

    // The guest may ask on and on and take no answer.
    private const int MaxUnsent = 4 * 1024 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Queue<byte[]> _answers = new();
    private readonly WaitingBytes _unsent = new(MaxUnsent);
    private readonly OwnedTasks _asked = new();
    private int _questions;
    private bool _writing;

    /// <summary>Serves until the stream ends.</summary>
    internal Task RunAsync(Func<Memory<byte>, ValueTask<int>> read) => _asked.UntilAsync(TakeAsync(read));

    // Each question ends by its answer, an error or its timeout.
    private async Task TakeAsync(Func<Memory<byte>, ValueTask<int>> read)
    {
        while (await DnsFrame.ReadAsync(read) is { } question)
        {
            if (_questions < MaxQuestions) _asked.Add(AnswerAsync(question));
        }
    }

    private async Task AnswerAsync(DnsFrame question)
    {
        _questions++;
        try
        {
            byte[]? answer = guard == null ? await AskAsync(question) : await AskGuardedAsync(guard, question);
            if (answer != null) await SendAsync((question with { Message = answer }).ToBytes());
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // As with any nameserver that cannot be reached, no answer comes, and the client decides what that means.
        }
        finally
        {
            _questions--;
        }
    }

    private async Task<byte[]?> AskGuardedAsync(NameGuard names, DnsFrame question)
    {
        if (NameQuestion.TryRead(question.Message) is not { } asked) return null;
        if (names.Refuse(asked) is { } refusal) return refusal;
        ushort id = NameGuard.NewId();
        byte[]? answer = await AskAsync(question with { Message = asked.ToUpstream(id) });
        return answer == null ? null : names.Take(asked, id, answer, question.IsStream);
    }

    private async Task<byte[]?> AskAsync(DnsFrame question)
    {
        if (nameserver() is not { } server) return null;
        SafeFileHandle socket = question.IsStream ? InternetSocket.ConnectStream(server)
            : InternetSocket.ConnectDatagram(server);
        using var file = new AsyncFile(loop, socket);
        using var done = new CancellationTokenSource();
        Task givingUp = GiveUpAsync(file, done.Token);
        try
        {
            return question.IsStream ? await AskStreamAsync(file, question) : await AskDatagramAsync(file, question);
        }
        finally
        {
            // Not CancelAsync: it would continue the timer's waiter on another thread than the loop's.
            done.Cancel();
            await givingUp;
        }
    }

    private async Task GiveUpAsync(AsyncFile file, CancellationToken done)
    {
        if (await loop.DelayAsync(Patience, done)) file.Dispose();
    }

    private static async Task<byte[]?> AskDatagramAsync(AsyncFile file, DnsFrame question)
    {
        await file.WriteAsync(question.Message);
        byte[] buffer = new byte[ushort.MaxValue];
        int n = await file.ReadAsync(buffer);
        return buffer[..n];
    }

    private static async Task<byte[]?> AskStreamAsync(AsyncFile file, DnsFrame question)
    {
        await file.WritableAsync();
        await file.WriteAsync(Datagram.Frame(question.Message));
        return await Datagram.ReadAsync(file.ReadAsync);
    }

    /// <summary>A stream has one writer at a time.</summary>
    private async Task SendAsync(byte[] frame)
    {
        if (!_unsent.TryAdd(frame.Length)) return;
        _answers.Enqueue(frame);
        if (_writing) return;
        _writing = true;
        try
        {
            while (_answers.TryDequeue(out byte[]? next))
            {
                await write(next);
                _unsent.Remove(next.Length);
            }
        }
        finally
        {
            _writing = false;
        }
    }
}
