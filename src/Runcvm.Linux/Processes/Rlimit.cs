namespace Runcvm.Linux.Processes;

/// <summary>Names of resource limits as the OCI specification writes them; numbers of asm-generic/resource.h.</summary>
public static class Rlimit
{
    private static readonly string[] Names =
    [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
        "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ];

    /// <summary>The number of RLIMIT_CPU.</summary>
    public const int ProcessorTime = 0;

    /// <summary>The number of RLIMIT_FSIZE.</summary>
    public const int FileSize = 1;

    /// <summary>The number of RLIMIT_DATA.</summary>
    public const int Data = 2;

    /// <summary>The number of RLIMIT_CORE.</summary>
    public const int Core = 4;

    /// <summary>The number of RLIMIT_NPROC.</summary>
    public const int Processes = 6;

    /// <summary>The number of RLIMIT_AS.</summary>
    public const int AddressSpace = 9;

    /// <summary>The number of RLIMIT_NOFILE.</summary>
    public const int OpenFiles = 7;

    /// <summary>The most of RLIMIT_NOFILE where nobody has changed fs.nr_open; proc_sys_fs(5).</summary>
    public const ulong MostOpenFiles = 1_048_576;

    /// <summary>The limit's number, or -1 for an unknown name.</summary>
    public static int NumberOf(string name) => Array.IndexOf(Names, name);
}
