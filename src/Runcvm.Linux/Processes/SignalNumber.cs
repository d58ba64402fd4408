namespace Runcvm.Linux.Processes;

/// <summary>Signals by their numbers, the same on x86 and arm64: signal(7).</summary>
public static class SignalNumber
{
    /// <summary>SIGINT</summary>
    public const int Interrupt = 2;

    /// <summary>SIGQUIT</summary>
    public const int Quit = 3;

    /// <summary>SIGKILL</summary>
    public const int Kill = 9;

    /// <summary>SIGPIPE</summary>
    public const int BrokenPipe = 13;

    /// <summary>SIGTERM</summary>
    public const int Terminate = 15;

    /// <summary>SIGCHLD</summary>
    public const int Child = 17;

    /// <summary>SIGCONT</summary>
    public const int Continue = 18;

    /// <summary>SIGSTOP</summary>
    public const int Stop = 19;

    /// <summary>SIGXCPU: RLIMIT_CPU is reached</summary>
    public const int ProcessorTime = 24;

    /// <summary>SIGXFSZ: RLIMIT_FSIZE is reached</summary>
    public const int FileSize = 25;

    /// <summary>SIGWINCH</summary>
    public const int WindowChanged = 28;

    /// <summary>SIGIO: a lease is asked back, fcntl(2)</summary>
    public const int InputOutput = 29;

    /// <summary>SIGSYS: a system call that a filter does not allow</summary>
    public const int BadSystemCall = 31;

    /// <summary>SIGRTMIN+3, as the C library counts</summary>
    public const int RealTimePlus3 = 37;
}
