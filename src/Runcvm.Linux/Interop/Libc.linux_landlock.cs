using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

/// <summary>landlock(7): linux/landlock.h</summary>
internal static unsafe partial class Libc
{
    internal const uint LANDLOCK_CREATE_RULESET_VERSION = 1;
    internal const int LANDLOCK_RULE_PATH_BENEATH = 1;

    /// <summary>struct landlock_path_beneath_attr</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    internal struct landlock_path_beneath_attr
    {
        internal ulong allowed_access;
        internal int parent_fd;
    }
}
