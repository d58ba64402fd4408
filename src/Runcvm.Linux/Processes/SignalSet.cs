using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>Signals taken as data instead of as interruptions.</summary>
public static unsafe class SignalSet
{
    // Signals of the processor, and the one by which the .NET runtime stops its threads (SIGRTMIN of the C library).
    private static readonly int[] NeverBlocked = [4, 5, 6, 7, 8, 9, 11, 19, 31, 32, 33, 34];

    /// <summary>Whether this thread has blocked SIGTERM: true after <see cref="BlockForwarded"/>, also across execve.</summary>
    public static bool ForwardedAreBlocked
    {
        get
        {
            byte* old = stackalloc byte[Libc.SigsetSize];
            _ = Libc.pthread_sigmask(Libc.SIG_SETMASK, null, old);
            return (old[14 / 8] >> (14 % 8) & 1) != 0;
        }
    }

    /// <summary>Blocks every signal that can be forwarded, in this thread and those it starts. Threads of the runtime that
    /// run already are not reached: whoever needs signals by descriptor executes itself again after this call.</summary>
    public static void BlockForwarded()
    {
        byte* set = stackalloc byte[Libc.SigsetSize];
        Fill(set);
        int error = Libc.pthread_sigmask(Libc.SIG_SETMASK, set, null);
        if (error != 0) throw new LinuxException((Errno)error, "block signals");
    }

    /// <summary>signalfd(2) for what <see cref="BlockForwarded"/> blocks; not blocking.</summary>
    public static SafeFileHandle OpenForwarded()
    {
        byte* set = stackalloc byte[Libc.SigsetSize];
        Fill(set);
        SafeFileHandle file = Libc.signalfd(-1, set, Libc.SFD_CLOEXEC | Libc.SFD_NONBLOCK);
        SystemCall.Check(file.IsInvalid ? -1 : 0, $"open a signalfd");
        return file;
    }

    /// <summary>The number of the next pending signal, or 0.</summary>
    public static int TryTake(SafeFileHandle signalFd)
    {
        Span<byte> info = stackalloc byte[Libc.SignalfdSiginfoSize];
        return FileDescriptor.TryRead(signalFd, info) == info.Length ? BitConverter.ToInt32(info) : 0;
    }

    private static void Fill(byte* set)
    {
        new Span<byte>(set, Libc.SigsetSize).Clear();
        for (int signal = 1; signal <= 64; signal++)
        {
            if (Array.IndexOf(NeverBlocked, signal) < 0) set[(signal - 1) / 8] |= (byte)(1 << (signal - 1) % 8);
        }
    }
}
