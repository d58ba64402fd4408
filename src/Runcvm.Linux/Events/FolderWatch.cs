using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Events;

/// <summary>inotify(7) for one purpose: to wait until a name appears in a folder.</summary>
public static class FolderWatch
{
    private const uint InCreate = 0x100;
    private const uint InMovedTo = 0x80;

    /// <summary>Ends when <paramref name="path"/> exists. Its folder must exist.</summary>
    public static async Task WaitForAsync(EventLoop loop, string path)
    {
        if (FileStatus.TryOf(path) != null) return;
        using var notify = new AsyncFile(loop, Open(Path.GetDirectoryName(path)!, OpenFlags.NonBlocking));
        byte[] events = new byte[4096];
        while (FileStatus.TryOf(path) == null) await notify.ReadAsync(events);
    }

    private static SafeFileHandle Open(string folder, OpenFlags flags)
    {
        SafeFileHandle notify = Libc.inotify_init1(OpenFlagValues.ToNative(OpenFlags.CloseOnExec | flags));
        SystemCall.Check(notify.IsInvalid ? -1 : 0, $"make an inotify instance");
        byte[] name = Encoding.UTF8.GetBytes(folder + "\0");
        unsafe
        {
            fixed (byte* p = name) SystemCall.Check(Libc.inotify_add_watch(notify, p, InCreate | InMovedTo), $"watch {folder}");
        }

        return notify;
    }
}
