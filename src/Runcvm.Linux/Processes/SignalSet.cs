using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>Signals taken as data instead of as interruptions.</summary>
public static unsafe class SignalSet
{
    // Signals of the processor, and the one by which the .NET runtime stops its threads (SIGRTMIN of the C library).
    private static readonly int[] NeverBlocked = [4, 5, 6, 7, 8, 9, 11, 19, 31, 32, 33, 34];

    /// <summary>Whether a signal can be taken as data, and so be forwarded.</summary>
    /// <param name="signal">1 to 64</param>
    public static bool CanForward(int signal) => Array.IndexOf(NeverBlocked, signal) < 0;

    /// <summary>Blocks every signal that can be forwarded, in this thread and those it starts.</summary>
    public static void BlockForwarded()
    {
        byte* set = stackalloc byte[Libc.SigsetSize];
        Fill(set);
        int error = Libc.pthread_sigmask(Libc.SIG_SETMASK, set, null);
        if (error != 0) throw new LinuxException((Errno)error, "block signals");
    }

    /// <summary>The same for the threads that the runtime has made before any code of ours ran: a signal of the process goes
    /// to whichever thread does not block it.</summary>
    /// <returns>false if there are threads that cannot be reached; after execve they begin with this thread's mask</returns>
    public static bool TryBlockForwardedEverywhere()
    {
        BlockForwarded();
        // The only other thread of a small program is the one that runs finalizers. So one is given to it. Not only if it is
        // seen to need it: pthread_create(3) blocks everything in a new thread until that has run for the first time.
        FinalizerThread.Run(BlockForwarded);
        return AllThreadsHaveBlocked();
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

    private static bool AllThreadsHaveBlocked()
    {
        const ulong Terminate = 1UL << (15 - 1);
        return ThreadStatus.SetsOfAll("SigBlk").All(static blocked => (blocked & Terminate) != 0);
    }

    private static void Fill(byte* set)
    {
        new Span<byte>(set, Libc.SigsetSize).Clear();
        for (int signal = 1; signal <= 64; signal++)
        {
            if (CanForward(signal)) set[(signal - 1) / 8] |= (byte)(1 << (signal - 1) % 8);
        }
    }
}
