using Runcvm.Guest.Paths;
using Runcvm.Linux.Events;

namespace Runcvm.Guest.Processes;

/// <summary>Tells when systemd answers its own tools. An exec right after the start would otherwise find a machine that
/// was not "booted with systemd", and `systemctl is-system-running --wait` would say "offline" instead of waiting.</summary>
internal sealed class SystemdReadiness(EventLoop loop)
{
    // A systemd that takes longer has a problem that somebody wants to look at with an exec.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Task? _ready;

    /// <summary>Ends when systemd listens, or after a patient while.</summary>
    internal Task WaitAsync() => _ready ??= Task.WhenAny(WatchAsync(), loop.DelayAsync(Patience));

    // The folder is the tmpfs that was mounted for systemd, so this process sees what systemd makes in it.
    private async Task WatchAsync()
    {
        await FolderWatch.WaitForAsync(loop, $"{GuestRoot.Path}/run/systemd");
        await FolderWatch.WaitForAsync(loop, $"{GuestRoot.Path}/run/systemd/private");
    }
}
