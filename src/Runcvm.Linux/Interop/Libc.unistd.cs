using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int SEEK_SET = 0;
    internal const int SEEK_DATA = 3;
    internal const int SEEK_HOLE = 4;

    /// <summary>_exit(2)</summary>
    [LibraryImport(Name)]
    internal static partial void _exit(int status);

    /// <summary>read(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint read(SafeHandle fd, byte* buf, nuint count);

    /// <summary>write(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint write(SafeHandle fd, byte* buf, nuint count);

    /// <summary>pipe2(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int pipe2(int* pipefd, int flags);

    /// <summary>lseek(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial long lseek(SafeFileHandle fd, long offset, int whence);

    /// <summary>copy_file_range(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint copy_file_range(SafeFileHandle fdIn, long* offIn, SafeFileHandle fdOut, long* offOut, nuint len, uint flags);

    /// <summary>ftruncate(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int ftruncate(SafeFileHandle fd, long length);

    /// <summary>fsync(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fsync(SafeFileHandle fd);

    /// <summary>fchown(2) by path, not following links: lchown(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int lchown(string path, uint owner, uint group);

    /// <summary>fchown(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fchown(int fd, uint owner, uint group);

    /// <summary>chdir(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chdir(string path);

    /// <summary>fchdir(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fchdir(SafeFileHandle fd);

    /// <summary>chroot(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chroot(string path);

    /// <summary>execve(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int execve(byte* pathname, byte** argv, byte** envp);

    /// <summary>setsid(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setsid();

    /// <summary>getpid(2)</summary>
    [LibraryImport(Name)]
    internal static partial int getpid();

    /// <summary>getppid(2)</summary>
    [LibraryImport(Name)]
    internal static partial int getppid();

    /// <summary>geteuid(2)</summary>
    [LibraryImport(Name)]
    internal static partial uint geteuid();

    /// <summary>dup2(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int dup2(int oldfd, int newfd);

    /// <summary>sethostname(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int sethostname(byte* name, nuint len);

    /// <summary>setdomainname(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setdomainname(byte* name, nuint len);

    /// <summary>sync(2)</summary>
    [LibraryImport(Name)]
    internal static partial void sync();

    /// <summary>syscall(2): for calls without a wrapper in every C library in use. All arguments are passed as machine words.</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint syscall(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    /// <summary>pread(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint pread(SafeFileHandle fd, byte* buf, nuint count, long offset);

    /// <summary>pwrite(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint pwrite(SafeFileHandle fd, byte* buf, nuint count, long offset);

    /// <summary>fdatasync(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fdatasync(SafeFileHandle fd);

    /// <summary>syncfs(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int syncfs(SafeFileHandle fd);

    /// <summary>unlinkat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int unlinkat(SafeFileHandle dirfd, byte* pathname, int flags);

    /// <summary>symlinkat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int symlinkat(byte* target, SafeFileHandle newdirfd, byte* linkpath);

    /// <summary>link(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int link(string oldpath, string newpath);

    /// <summary>linkat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int linkat(int olddirfd, byte* oldpath, SafeFileHandle newdirfd, byte* newpath, int flags);

    /// <summary>readlinkat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint readlinkat(SafeFileHandle dirfd, byte* pathname, byte* buf, nuint bufsiz);

    /// <summary>fchownat(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fchownat(SafeFileHandle dirfd, byte* pathname, uint owner, uint group, int flags);

    /// <summary>truncate(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int truncate(byte* path, long length);

    /// <summary>close(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int close(int fd);

    /// <summary>dup(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int dup(SafeFileHandle oldfd);
}
