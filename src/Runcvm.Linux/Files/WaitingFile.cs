using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Files;

/// <summary>A byte stream for threads that do nothing else: reads and writes wait, whatever mode the file is in. One
/// thread may read while another writes.</summary>
public sealed unsafe class WaitingFile(SafeFileHandle handle)
{
    /// <summary>Reads what is there, at least one byte. 0 at the end.</summary>
    public int Read(Span<byte> buffer)
    {
        while (true)
        {
            int count = FileDescriptor.TryRead(handle, buffer);
            if (count >= 0) return count;
            WaitFor(Libc.POLLIN);
        }
    }

    /// <summary>Writes all of it.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = FileDescriptor.TryWrite(handle, bytes);
            if (count >= 0) bytes = bytes[count..];
            else WaitFor(Libc.POLLOUT);
        }
    }

    /// <summary>Waits until there is something to read, or the end.</summary>
    public void WaitReadable() => WaitFor(Libc.POLLIN);

    /// <summary>Waits until it takes something.</summary>
    public void WaitWritable() => WaitFor(Libc.POLLOUT);

    private void WaitFor(short events)
    {
        var request = new Libc.pollfd { fd = (int)handle.DangerousGetHandle(), events = events };
        while (Libc.poll(&request, 1, -1) < 0)
        {
            Errno errno = SystemCall.LastError;
            if (errno != Errno.EINTR) throw new LinuxException(errno, "wait for a file");
        }
    }
}
