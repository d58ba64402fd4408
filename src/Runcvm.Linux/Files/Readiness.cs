using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Waits for files, but not without end.</summary>
public static unsafe class Readiness
{
    /// <summary>poll(2): waits until there is something to read in a file, or its end. May come back early with
    /// neither, after a signal.</summary>
    /// <param name="first">a file</param>
    /// <param name="second">another one, or null</param>
    /// <param name="most">how long</param>
    /// <returns>which of them can be read</returns>
    public static (bool First, bool Second) Await(SafeFileHandle first, SafeFileHandle? second, TimeSpan most)
    {
        // The kernel passes over negative ones.
        const int None = -1;
        Libc.pollfd* files = stackalloc Libc.pollfd[2];
        files[0] = new Libc.pollfd { fd = (int)first.DangerousGetHandle(), events = Libc.POLLIN };
        files[1] = new Libc.pollfd { fd = (int?)second?.DangerousGetHandle() ?? None, events = Libc.POLLIN };
        int result = Libc.poll(files, 2, (int)Math.Clamp(Math.Ceiling(most.TotalMilliseconds), 0, int.MaxValue));
        if (result < 0 && SystemCall.LastError == Errno.EINTR) return (false, false);
        SystemCall.Check(result, $"wait for files");
        return (files[0].revents != 0, files[1].revents != 0);
    }
}
