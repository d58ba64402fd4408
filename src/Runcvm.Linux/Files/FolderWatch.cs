using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>inotify(7) for one purpose: to wait until a name appears in a folder.</summary>
public static unsafe class FolderWatch
{
    private const uint InCreate = 0x100;
    private const uint InMovedTo = 0x80;

    /// <summary>Blocks until <paramref name="path"/> exists. Its folder must exist.</summary>
    public static void WaitFor(string path)
    {
        using SafeFileHandle notify = Libc.inotify_init1(OpenFlagValues.ToNative(OpenFlags.CloseOnExec));
        SystemCall.Check(notify.IsInvalid ? -1 : 0, $"make an inotify instance");
        byte[] folder = Encoding.UTF8.GetBytes(Path.GetDirectoryName(path) + "\0");
        fixed (byte* p = folder) SystemCall.Check(Libc.inotify_add_watch(notify, p, InCreate | InMovedTo), $"watch the folder of {path}");
        Span<byte> events = stackalloc byte[4096];
        while (FileStatus.TryOf(path) == null) FileDescriptor.TryRead(notify, events);
    }
}
