using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Mappings;

/// <summary>A part of a file in memory that other processes have mapped as well, and change at any time.</summary>
public sealed unsafe class SharedMapping
{
    private const int ReadWrite = 3; // PROT_READ | PROT_WRITE
    private const int Shared = 1; // MAP_SHARED
    private const int GetSeals = 1034; // F_GET_SEALS
    private const int SealShrink = 2; // F_SEAL_SHRINK

    private readonly byte* _start;

    private SharedMapping(byte* start, long length)
    {
        _start = start;
        Length = length;
    }

    /// <summary>bytes</summary>
    public long Length { get; }

    /// <summary>mmap(2) of a file of memfd_create(2), for the life of this process.</summary>
    /// <param name="file">sealed against shrinking: whoever touches what is no longer there gets SIGBUS</param>
    /// <param name="offset">of the first byte, in whole pages</param>
    /// <param name="length">bytes, all of which the file has</param>
    public static SharedMapping Of(SafeFileHandle file, long offset, long length)
    {
        int seals = SystemCall.Check(Libc.fcntl(file, GetSeals, 0), $"ask for the seals of the guest's memory");
        int error = FileCall.Status(file, out NodeStatus status);
        if (error < 0) throw new LinuxException((Errno)(-error), "look at the guest's memory");
        if ((seals & SealShrink) == 0 || offset < 0 || length <= 0 || (ulong)offset > status.Size || (ulong)length > status.Size - (ulong)offset)
            throw new LinuxException(Errno.EINVAL, $"map {length} bytes from {offset} on of a file of {status.Size}");
        void* start = Libc.mmap(null, (nuint)length, ReadWrite, Shared, (int)file.DangerousGetHandle(), (nint)offset);
        SystemCall.Check((nint)start == -1 ? -1 : 0, $"map the guest's memory");
        return new SharedMapping((byte*)start, length);
    }

    /// <summary>mmap(2) of a map of the kernel's that was made for it, for the life of this process. Takes no
    /// capability.</summary>
    /// <param name="file">of the map</param>
    /// <param name="length">bytes of its value, whole pages</param>
    public static SharedMapping OfMap(SafeFileHandle file, long length)
    {
        void* start = Libc.mmap(null, (nuint)length, ReadWrite, Shared, (int)file.DangerousGetHandle(), 0);
        SystemCall.Check((nint)start == -1 ? -1 : 0, $"map a map of the kernel's");
        return new SharedMapping((byte*)start, length);
    }

    /// <summary>A file for such memory, of zeros, as hypervisors make it.</summary>
    public static SafeFileHandle NewFile(string name, long length)
    {
        const uint CloseOnExecAndSealing = 3; // MFD_CLOEXEC | MFD_ALLOW_SEALING
        const int AddSeals = 1033; // F_ADD_SEALS
        SafeFileHandle file = Libc.memfd_create(name, CloseOnExecAndSealing);
        SystemCall.Check(file.IsInvalid ? -1 : 0, $"make a file in memory");
        FileDescriptor.SetLength(file, length);
        SystemCall.Check(Libc.fcntl(file, AddSeals, SealShrink), $"seal a file in memory");
        return file;
    }

    /// <summary>A part of it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">it is not all inside</exception>
    public Span<byte> Part(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new Span<byte>(_start + offset, length);
    }
}
