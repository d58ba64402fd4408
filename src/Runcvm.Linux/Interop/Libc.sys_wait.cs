using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int P_PIDFD = 3;
    internal const int WEXITED = 4;
    internal const int CLD_EXITED = 1;

    /// <summary>sizeof(siginfo_t)</summary>
    internal const int SiginfoSize = 128;

    /// <summary>waitid(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int waitid(int idtype, uint id, byte* infop, int options);
}
