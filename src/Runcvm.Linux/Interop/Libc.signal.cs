using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int SIG_SETMASK = 2;
    internal const int SFD_CLOEXEC = 0x80000;
    internal const int SFD_NONBLOCK = 0x800;

    /// <summary>sizeof(sigset_t) in the C libraries: 1024 bits</summary>
    internal const int SigsetSize = 128;

    /// <summary>sizeof(struct signalfd_siginfo)</summary>
    internal const int SignalfdSiginfoSize = 128;

    /// <summary>kill(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int kill(int pid, int sig);

    /// <summary>pthread_sigmask(3): returns an error number</summary>
    [LibraryImport(Name)]
    internal static partial int pthread_sigmask(int how, byte* set, byte* oldset);

    /// <summary>signal(2), for SIG_DFL (0) and SIG_IGN (1)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint signal(int signum, nint handler);

    /// <summary>signalfd(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle signalfd(int fd, byte* mask, int flags);
}
