using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>Open files as the kernel sees them. Everything opened here is close-on-exec.</summary>
public static unsafe class FileDescriptor
{
    private const int EfdFlags = 0x80000 | 0x800;

    /// <summary>open(2)</summary>
    public static SafeFileHandle Open(string path, OpenFlags flags, uint mode = 0)
    {
        SafeFileHandle file = Libc.open(path, OpenFlagValues.ToNative(flags | OpenFlags.CloseOnExec), mode);
        SystemCall.Check(file.IsInvalid ? -1 : 0, $"open {path}");
        return file;
    }

    /// <summary>open(2), with null for a file that does not exist.</summary>
    public static SafeFileHandle? TryOpen(string path, OpenFlags flags, uint mode = 0)
    {
        SafeFileHandle file = Libc.open(path, OpenFlagValues.ToNative(flags | OpenFlags.CloseOnExec), mode);
        if (file.IsInvalid && SystemCall.LastError == Errno.ENOENT) return null;
        SystemCall.Check(file.IsInvalid ? -1 : 0, $"open {path}");
        return file;
    }

    /// <summary>openat2(2) with RESOLVE_IN_ROOT: absolute paths and links are followed as if <paramref name="root"/>
    /// were "/". Null where nothing is there.</summary>
    public static SafeFileHandle? TryOpenInRoot(SafeFileHandle root, string path, OpenFlags flags, uint mode = 0)
    {
        const ulong ResolveInRoot = 0x10;
        const ulong ResolveNoMagicLinks = 0x02;
        // Each try fails only if somebody renames or mounts in that very moment.
        const int MostTries = 1000;
        var how = new Libc.open_how
        {
            flags = (ulong)OpenFlagValues.ToNative(flags | OpenFlags.CloseOnExec),
            mode = mode,
            resolve = ResolveInRoot | ResolveNoMagicLinks,
        };
        byte* name = Utf8Array.Copy(path);
        try
        {
            nint fd = -1;
            for (int tries = 0; tries < MostTries; tries++)
            {
                fd = Libc.syscall(
                    SystemCallNumber.openat2, root.DangerousGetHandle(), (nint)name, (nint)(&how), sizeof(Libc.open_how));
                // "The kernel could not ensure that a ".." component did not escape", for something was renamed or
                // mounted anywhere meanwhile; openat2(2) says to try again.
                if (fd >= 0 || SystemCall.LastError != Errno.EAGAIN) break;
            }

            if (fd < 0 && SystemCall.LastError is Errno.ENOENT or Errno.ENOTDIR) return null;
            return new SafeFileHandle(SystemCall.Check(fd, $"open {path} in the root file system"), ownsHandle: true);
        }
        finally
        {
            NativeMemory.Free(name);
        }
    }

    /// <summary>openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_XDEV: for a path in a folder that
    /// somebody hostile writes to. No link is followed, and no mount is entered.</summary>
    /// <exception cref="LinuxException">nothing is there, or a link or a mount is in the way</exception>
    public static SafeFileHandle OpenBeneath(SafeFileHandle folder, string path, OpenFlags flags)
    {
        byte* name = Utf8Array.Copy(path);
        try
        {
            return OpenBeneath(folder, name, flags);
        }
        finally
        {
            NativeMemory.Free(name);
        }
    }

    internal static SafeFileHandle OpenBeneath(SafeFileHandle folder, byte* path, OpenFlags flags)
    {
        const ulong NoOtherMounts = 0x01;
        const ulong NoSymbolicLinks = 0x04;
        const ulong Beneath = 0x08;
        var how = new Libc.open_how
        {
            flags = (ulong)OpenFlagValues.ToNative(flags | OpenFlags.NoFollow | OpenFlags.CloseOnExec),
            resolve = Beneath | NoSymbolicLinks | NoOtherMounts,
        };
        nint fd = Libc.syscall(SystemCallNumber.openat2, folder.DangerousGetHandle(), (nint)path, (nint)(&how),
            sizeof(Libc.open_how));
        return new SafeFileHandle(SystemCall.Check(fd,
            $"open {Marshal.PtrToStringUTF8((nint)path)} beneath {Folder.PathOf(folder)}"), ownsHandle: true);
    }

    /// <summary>The path under /proc by which this process reaches what <paramref name="file"/> refers to.</summary>
    public static string PathOf(SafeHandle file) => $"/proc/self/fd/{file.DangerousGetHandle()}";

    /// <summary>read(2): bytes read, 0 at the end, -1 when it would block.</summary>
    public static int TryRead(SafeHandle file, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                nint n = Libc.read(file, p, (nuint)buffer.Length);
                if (n >= 0) return (int)n;
                Errno errno = SystemCall.LastError;
                if (errno == Errno.EINTR) continue;
                if (errno == Errno.EAGAIN) return -1;
                throw new LinuxException(errno, "read");
            }
        }
    }

    /// <summary>write(2): bytes written, -1 when it would block.</summary>
    public static int TryWrite(SafeHandle file, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                nint n = Libc.write(file, p, (nuint)buffer.Length);
                if (n >= 0) return (int)n;
                Errno errno = SystemCall.LastError;
                if (errno == Errno.EINTR) continue;
                if (errno == Errno.EAGAIN) return -1;
                throw new LinuxException(errno, "write");
            }
        }
    }

    /// <summary>Writes all of <paramref name="buffer"/> to a blocking file.</summary>
    public static void WriteAll(SafeHandle file, ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int n = TryWrite(file, buffer);
            if (n < 0) throw new LinuxException(Errno.EAGAIN, "write");
            buffer = buffer[n..];
        }
    }

    /// <summary>Reads a whole file from its present position.</summary>
    public static byte[] ReadToEnd(SafeHandle file)
    {
        using var all = new MemoryStream();
        Span<byte> chunk = stackalloc byte[4096];
        for (int n; (n = TryRead(file, chunk)) > 0;) all.Write(chunk[..n]);
        return all.ToArray();
    }

    /// <summary>The content of a regular file of bounded size, or null where there is none, or something else. Neither
    /// a link is followed nor a pipe or a device waited for.</summary>
    /// <param name="path">of the file</param>
    /// <param name="most">bytes</param>
    public static byte[]? TryReadRegular(string path, int most)
    {
        // By O_PATH first: to open a device may do something already.
        using SafeFileHandle? place = TryOpen(path, OpenFlags.Path | OpenFlags.NoFollow);
        if (place is null || FileStatus.Of(place) is not { Kind: FileKind.Regular } status || status.Size > (ulong)most)
            return null;
        using SafeFileHandle file = Open(PathOf(place), OpenFlags.ReadOnly | OpenFlags.NonBlocking);
        byte[] content = new byte[(int)status.Size];
        int length = 0;
        // It may shrink or grow meanwhile.
        for (int n; length < content.Length && (n = TryRead(file, content.AsSpan(length))) > 0;) length += n;
        return length == content.Length ? content : content[..length];
    }

    /// <summary>pipe2(2)</summary>
    public static (SafeFileHandle Read, SafeFileHandle Write) Pipe()
    {
        int* fds = stackalloc int[2];
        SystemCall.Check(Libc.pipe2(fds, OpenFlagValues.ToNative(OpenFlags.CloseOnExec)), $"make a pipe");
        return (new SafeFileHandle(fds[0], true), new SafeFileHandle(fds[1], true));
    }

    /// <summary>mkfifo(3), and both ends opened. The reading end does not block.</summary>
    /// <param name="path">where there is nothing yet</param>
    /// <param name="permissions">permission bits of its name</param>
    public static (SafeFileHandle Read, SafeFileHandle Write) NamedPipe(string path, uint permissions)
    {
        Node.Make(path, FileKind.Fifo, permissions);
        Node.SetPermissions(path, permissions);
        SafeFileHandle read = Open(path, OpenFlags.ReadOnly | OpenFlags.NonBlocking | OpenFlags.NoFollow);
        return (read, Open(path, OpenFlags.WriteOnly | OpenFlags.NoFollow));
    }

    /// <summary>memfd_create(2): a file without a name, in memory.</summary>
    public static SafeFileHandle InMemory(string name, ReadOnlySpan<byte> content)
    {
        SafeFileHandle file = Libc.memfd_create(name, 1);
        SystemCall.Check(file.IsInvalid ? -1 : 0, $"make a file in memory");
        WriteAll(file, content);
        Rewind(file);
        return file;
    }

    /// <summary>lseek(2) to the beginning.</summary>
    public static void Rewind(SafeFileHandle file)
        => SystemCall.Check((nint)Libc.lseek(file, 0, Libc.SEEK_SET), $"rewind a file");

    /// <summary>eventfd(2), not blocking.</summary>
    public static SafeFileHandle Event()
    {
        SafeFileHandle file = Libc.eventfd(0, EfdFlags);
        SystemCall.Check(file.IsInvalid ? -1 : 0, $"make an eventfd");
        return file;
    }

    /// <summary>Switches O_NONBLOCK of the open file description.</summary>
    public static void SetNonBlocking(SafeFileHandle file, bool on = true)
    {
        int nonBlock = OpenFlagValues.ToNative(OpenFlags.NonBlocking);
        int flags = SystemCall.Check(Libc.fcntl(file, Libc.F_GETFL, 0), $"read file flags");
        SystemCall.Check(Libc.fcntl(file, Libc.F_SETFL, on ? flags | nonBlock : flags & ~nonBlock), $"set file flags");
    }

    /// <summary>Whether the file is inherited by a program that this process executes.</summary>
    public static void SetInherited(SafeFileHandle file, bool inherited)
        => SystemCall.Check(Libc.fcntl(file, Libc.F_SETFD, inherited ? 0 : 1), $"set the close-on-exec flag");

    /// <summary>fcntl(F_DUPFD_CLOEXEC): another number, at least <paramref name="atLeast"/>, for the same open file.</summary>
    public static SafeFileHandle Duplicate(SafeFileHandle file, int atLeast = 3)
        => new(SystemCall.Check(Libc.fcntl(file, Libc.F_DUPFD_CLOEXEC, atLeast), $"duplicate a file descriptor"), true);

    /// <summary>An inherited file, by its number: dup2(2) is not needed, the number is taken over.</summary>
    public static SafeFileHandle Inherited(int number)
    {
        var file = new SafeFileHandle(number, ownsHandle: true);
        SetInherited(file, false);
        return file;
    }

    /// <summary>dup2(2) onto a fixed number, inherited by programs executed later.</summary>
    public static void PlaceAt(SafeFileHandle file, int number)
    {
        if (file.DangerousGetHandle() == number) SetInherited(file, true);
        else SystemCall.Check(Libc.dup2((int)file.DangerousGetHandle(), number), $"place a file at descriptor {number}");
    }

    /// <summary>Takes the exclusive flock(2) lock, waiting for it.</summary>
    public static void Lock(SafeFileHandle file) => Lock(file, Libc.LOCK_EX);

    /// <summary>Takes the shared flock(2) lock, waiting for it.</summary>
    public static void LockShared(SafeFileHandle file) => Lock(file, Libc.LOCK_SH);

    private static void Lock(SafeFileHandle file, int kind)
    {
        while (Libc.flock(file, kind) < 0)
        {
            Errno errno = SystemCall.LastError;
            if (errno != Errno.EINTR) throw new LinuxException(errno, "lock a file");
        }
    }

    /// <summary>Takes the exclusive flock(2) lock if nobody holds it.</summary>
    public static bool TryLock(SafeFileHandle file)
    {
        if (Libc.flock(file, Libc.LOCK_EX | Libc.LOCK_NB) == 0) return true;
        Errno errno = SystemCall.LastError;
        return errno == Errno.EAGAIN ? false : throw new LinuxException(errno, "lock a file");
    }

    /// <summary>Gives the flock(2) lock back. Closing the file does that only where nobody else has it open: a child
    /// has for the moment between fork(2) and execve(2).</summary>
    public static void Unlock(SafeFileHandle file)
        => SystemCall.Check(Libc.flock(file, Libc.LOCK_UN), $"unlock a file");

    /// <summary>fsync(2)</summary>
    public static void Sync(SafeFileHandle file) => SystemCall.Check(Libc.fsync(file), $"flush a file to disk");

    /// <summary>fsync(2) of the file or folder of that name. Of a folder it keeps the names in it.</summary>
    public static void SyncAt(string path)
    {
        using SafeFileHandle file = Open(path, OpenFlags.ReadOnly);
        Sync(file);
    }

    /// <summary>fchown(2); a null group stays as it is. A file whose owner cannot be changed (on a read-only file
    /// system, or of a kind that has none) is left alone, as runc does.</summary>
    public static void SetOwner(int number, uint owner, uint? group)
    {
        int result = Libc.fchown(number, owner, group ?? uint.MaxValue);
        if (result < 0 && SystemCall.LastError is Errno.EINVAL or Errno.EPERM or Errno.EROFS) return;
        SystemCall.Check(result, $"change the owner of descriptor {number}");
    }

    /// <summary>ftruncate(2)</summary>
    /// <param name="file">open for writing</param>
    /// <param name="length">bytes</param>
    public static void SetLength(SafeFileHandle file, long length)
        => SystemCall.Check(Libc.ftruncate(file, length), $"set a file's length");
}
