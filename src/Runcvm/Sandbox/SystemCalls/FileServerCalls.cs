using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>The file server: what a guest may ask of the files of its shares (src/Runcvm.Linux/Forwarding). It starts
/// no program and makes no socket; those that it has were given to it.</summary>
internal static class FileServerCalls
{
    internal static SystemCallList List { get; } = RuntimeCalls.List
        // Names. openat2 keeps them below the share.
        .Allow("openat2", "link", "linkat", "mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2")
        .Allow("rmdir", "symlink", "symlinkat", "unlink", "unlinkat", "chdir", "fchdir", "umask")
        // Owners, modes, times, sizes.
        .Allow("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "lchown", "utimensat", "truncate")
        .Allow("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr")
        .Allow("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr")
        // In the name of a request's caller.
        .Allow("setfsuid", "setfsgid")
        // Contents.
        .Allow("copy_file_range", "fallocate", "sync", "syncfs", "sync_file_range", "sendfile", "msync")
        // Rings and orders: open files arrive over a socket.
        .Allow("recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "getsockname", "getpeername", "getsockopt")
        .Allow("setsockopt")
        // Whether a file is a terminal (the runtime asks), and FIONBIO.
        .AllowIf("ioctl", ArgumentRule.OneOf(1, 0x5401, 0x5421));
}
