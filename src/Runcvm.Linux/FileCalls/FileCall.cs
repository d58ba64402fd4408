using System.Globalization;
using System.Runtime.InteropServices;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.FileCalls;

/// <summary>File system calls made for someone else: the result goes back as the kernel gave it, so that a failure is a
/// negative errno instead of an exception.</summary>
public static unsafe partial class FileCall
{
    private const int ProcPathSize = 32;

    private static int Result(int result) => result >= 0 ? result : -(int)SystemCall.LastError;

    private static long Result(nint result) => result >= 0 ? result : -(int)SystemCall.LastError;

    // The magic link leads to the very file that the descriptor refers to, whatever its name is now; proc_pid_fd(5).
    // It is how an O_PATH descriptor is used where the call takes none (open, chmod, truncate, xattrs, linkat).
    private static void ProcPath(SafeHandle file, byte* path)
    {
        var text = new Span<byte>(path, ProcPathSize);
        "/proc/self/fd/"u8.CopyTo(text);
        ((int)file.DangerousGetHandle()).TryFormat(text[14..], out int digits, default, CultureInfo.InvariantCulture);
        text[14 + digits] = 0;
    }
}
