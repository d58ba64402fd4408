using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Mounts;

namespace Runcvm.Linux.Files;

/// <summary>/dev/fuse: one connection between the kernel and whoever serves one mounted file system; fuse(4).</summary>
public sealed unsafe class FuseDevice : IDisposable
{
    private readonly SafeFileHandle _file = FileDescriptor.Open(Path, OpenFlags.ReadWrite);

    /// <summary>Where it is.</summary>
    public const string Path = "/dev/fuse";

    /// <summary>Mounts the file system that this connection serves.</summary>
    /// <param name="name">what mount tables show as its source</param>
    /// <param name="target">where</param>
    /// <param name="rootIsFile">a single file is mounted on a file</param>
    /// <param name="flags">flags of mount(2)</param>
    /// <param name="maxRead">largest read in one request, bytes</param>
    public void Mount(string name, string target, bool rootIsFile, MountFlags flags, int maxRead)
    {
        string rootMode = rootIsFile ? "100000" : "40000";
        // Any user may use it, under the kernel's usual rules on owner and mode.
        MountPoint.Add(name, target, "fuse.runcvm", flags,
            $"fd={_file.DangerousGetHandle()},rootmode={rootMode},user_id=0,group_id=0,default_permissions,allow_other,max_read={maxRead}");
    }

    /// <summary>Waits for the next request.</summary>
    /// <param name="buffer">must have room for any request: larger ones are failed by the kernel</param>
    /// <returns>its length, or 0 when the file system is no longer mounted</returns>
    public int Read(Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                nint count = Libc.read(_file, p, (nuint)buffer.Length);
                if (count >= 0) return (int)count;
                Errno errno = SystemCall.LastError;
                if (errno == Errno.ENODEV) return 0;
                // ENOENT: the request was withdrawn between being queued and being read.
                if (errno is not (Errno.EINTR or Errno.ENOENT or Errno.EAGAIN)) throw new LinuxException(errno, $"read {Path}");
            }
        }
    }

    /// <summary>Hands a reply to the kernel, in one piece.</summary>
    public void Write(ReadOnlySpan<byte> reply)
    {
        fixed (byte* p = reply)
        {
            while (Libc.write(_file, p, (nuint)reply.Length) < 0)
            {
                Errno errno = SystemCall.LastError;
                // ENOENT: nobody waits for it any more; ENODEV: unmounted, or its end was declared.
                if (errno is Errno.ENOENT or Errno.ENODEV) return;
                if (errno != Errno.EINTR) throw new LinuxException(errno, $"write a reply of {reply.Length} bytes to {Path}");
            }
        }
    }

    /// <summary>Ends the connection: whoever waits for a reply gets ECONNABORTED, whoever comes later ENOTCONN.</summary>
    public void Dispose() => _file.Dispose();
}
