namespace Runcvm.Linux;

/// <summary>errno(3): reasons for which the kernel refuses; those that this project tells apart.</summary>
public enum Errno
{
    /// <summary>no error</summary>
    None = 0,
    /// <summary>operation not permitted</summary>
    EPERM = 1,
    /// <summary>no such file or directory</summary>
    ENOENT = 2,
    /// <summary>no such process</summary>
    ESRCH = 3,
    /// <summary>interrupted by a signal</summary>
    EINTR = 4,
    /// <summary>input/output error</summary>
    EIO = 5,
    /// <summary>no such device or address; of lseek(2): nothing beyond here</summary>
    ENXIO = 6,
    /// <summary>argument list too long</summary>
    E2BIG = 7,
    /// <summary>exec format error</summary>
    ENOEXEC = 8,
    /// <summary>bad file descriptor</summary>
    EBADF = 9,
    /// <summary>no child processes</summary>
    ECHILD = 10,
    /// <summary>would block</summary>
    EAGAIN = 11,
    /// <summary>out of memory</summary>
    ENOMEM = 12,
    /// <summary>permission denied</summary>
    EACCES = 13,
    /// <summary>device or resource busy</summary>
    EBUSY = 16,
    /// <summary>file exists</summary>
    EEXIST = 17,
    /// <summary>link across devices</summary>
    EXDEV = 18,
    /// <summary>no such device</summary>
    ENODEV = 19,
    /// <summary>not a directory</summary>
    ENOTDIR = 20,
    /// <summary>is a directory</summary>
    EISDIR = 21,
    /// <summary>invalid argument</summary>
    EINVAL = 22,
    /// <summary>too many open files in the system</summary>
    ENFILE = 23,
    /// <summary>too many open files in this process</summary>
    EMFILE = 24,
    /// <summary>not a terminal</summary>
    ENOTTY = 25,
    /// <summary>no space left on device</summary>
    ENOSPC = 28,
    /// <summary>read-only file system</summary>
    EROFS = 30,
    /// <summary>broken pipe</summary>
    EPIPE = 32,
    /// <summary>result too large for the buffer</summary>
    ERANGE = 34,
    /// <summary>deadlock avoided</summary>
    EDEADLK = 35,
    /// <summary>file name too long</summary>
    ENAMETOOLONG = 36,
    /// <summary>no locks available</summary>
    ENOLCK = 37,
    /// <summary>system call not implemented</summary>
    ENOSYS = 38,
    /// <summary>directory not empty</summary>
    ENOTEMPTY = 39,
    /// <summary>too many symbolic links</summary>
    ELOOP = 40,
    /// <summary>no data available (also: no such extended attribute)</summary>
    ENODATA = 61,
    /// <summary>protocol error</summary>
    EPROTO = 71,
    /// <summary>value too large for the type</summary>
    EOVERFLOW = 75,
    /// <summary>no socket</summary>
    ENOTSOCK = 88,
    /// <summary>operation not supported</summary>
    EOPNOTSUPP = 95,
    /// <summary>address family not supported</summary>
    EAFNOSUPPORT = 97,
    /// <summary>address already in use</summary>
    EADDRINUSE = 98,
    /// <summary>cannot assign the address</summary>
    EADDRNOTAVAIL = 99,
    /// <summary>network is unreachable</summary>
    ENETUNREACH = 101,
    /// <summary>connection reset by peer</summary>
    ECONNRESET = 104,
    /// <summary>no buffer space</summary>
    ENOBUFS = 105,
    /// <summary>connection refused</summary>
    ECONNREFUSED = 111,
    /// <summary>the file is no longer where it was</summary>
    ESTALE = 116,
}
