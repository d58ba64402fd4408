using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const short POSIX_SPAWN_SETSIGDEF = 0x04;
    internal const short POSIX_SPAWN_SETSIGMASK = 0x08;
    internal const short POSIX_SPAWN_SETSID = 0x80;

    // glibc: 80 bytes of file actions and 336 of attributes; musl: 80 and 336. Room for more costs nothing.
    internal const int SpawnStructSize = 512;

    /// <summary>posix_spawn(3): returns an error number, not -1</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawn(out int pid, byte* path, byte* fileActions, byte* attrp, byte** argv, byte** envp);

    /// <summary>posix_spawn_file_actions_init(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_init(byte* actions);

    /// <summary>posix_spawn_file_actions_destroy(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_destroy(byte* actions);

    /// <summary>posix_spawn_file_actions_adddup2(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_adddup2(byte* actions, int fd, int newfd);

    /// <summary>posix_spawn_file_actions_addopen(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_addopen(byte* actions, int fd, byte* path, int oflag, uint mode);

    /// <summary>posix_spawnattr_init(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_init(byte* attr);

    /// <summary>posix_spawnattr_destroy(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_destroy(byte* attr);

    /// <summary>posix_spawnattr_setflags(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setflags(byte* attr, short flags);

    /// <summary>posix_spawnattr_setsigmask(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setsigmask(byte* attr, byte* sigset);

    /// <summary>posix_spawnattr_setsigdefault(3)</summary>
    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setsigdefault(byte* attr, byte* sigset);
}
