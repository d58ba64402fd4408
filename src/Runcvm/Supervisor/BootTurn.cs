using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>This machine's place among those that boot without KVM, see <see cref="BootTurns"/>. Nobody depends on another's good will: a
/// place is given back before the machine has answered if that takes long, and whoever got none in time goes without.</summary>
internal sealed class BootTurn : IDisposable, IAsyncDisposable
{
    private readonly SafeFileHandle _place;
    private readonly CancellationTokenSource _over = new();
    private readonly Task _held;

    private BootTurn(EventLoop loop, SafeFileHandle place)
    {
        _place = place;
        _held = HoldAsync(loop);
    }

    /// <summary>Waits for a place; null when there was none in time.</summary>
    internal static async Task<BootTurn?> TakeAsync(
        EventLoop loop, TimeSpan patience, string folder = BootTurns.InSandbox)
    {
        string[] places = Directory.GetFiles(folder);
        if (places.Length == 0) return null;
        // Not all in the same order: whoever has to wait waits for one of them only.
        int first = Random.Shared.Next(places.Length);
        for (int i = 0; i < places.Length; i++)
        {
            SafeFileHandle place = FileDescriptor.Open(places[(first + i) % places.Length], OpenFlags.ReadOnly);
            if (FileDescriptor.TryLock(place)) return new BootTurn(loop, place);
            place.Dispose();
        }

        Task<SafeFileHandle> waiting = WaitAsync(places[first]);
        if (await Task.WhenAny(waiting, loop.DelayAsync(patience)) == waiting) return new BootTurn(loop, await waiting);
        _ = waiting.ContinueWith(static late => late.Result.Dispose(), TaskScheduler.Default);
        return null;
    }

    /// <summary>Lets the next one boot.</summary>
    public void Dispose()
    {
        _place.Dispose();
        _over.Cancel();
    }

    /// <summary>The same, and sees to the end of what watched the time.</summary>
    public async ValueTask DisposeAsync()
    {
        Dispose();
        await _held;
    }

    private async Task HoldAsync(EventLoop loop)
    {
        await loop.DelayAsync(BootTurns.LongestTurn, _over.Token);
        _place.Dispose();
    }

    // A lock cannot be waited for together with anything else, so a thread waits for it.
    private static Task<SafeFileHandle> WaitAsync(string path)
    {
        var taken = new TaskCompletionSource<SafeFileHandle>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            SafeFileHandle place = FileDescriptor.Open(path, OpenFlags.ReadOnly);
            FileDescriptor.Lock(place);
            taken.SetResult(place);
        })
        { IsBackground = true, Name = "boot turn" };
        thread.Start();
        return taken.Task;
    }
}
