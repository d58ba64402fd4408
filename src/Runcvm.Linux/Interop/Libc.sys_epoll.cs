using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const int EPOLL_CLOEXEC = 0x80000;
    internal const int EPOLL_CTL_ADD = 1;
    internal const int EPOLL_CTL_DEL = 2;
    internal const uint EPOLLIN = 0x001;
    internal const uint EPOLLPRI = 0x002;
    internal const uint EPOLLOUT = 0x004;
    internal const uint EPOLLERR = 0x008;
    internal const uint EPOLLHUP = 0x010;
    internal const uint EPOLLRDHUP = 0x2000;
    internal const uint EPOLLET = 1u << 31;

    /// <summary>sizeof(struct epoll_event)</summary>
    internal static readonly int EpollEventSize = EpollEventOn(RuntimeInformation.ProcessArchitecture).Size;

    /// <summary>offset of epoll_event.data</summary>
    internal static readonly int EpollDataOffset = EpollEventOn(RuntimeInformation.ProcessArchitecture).DataOffset;

    /// <summary>struct epoll_event is packed on x86-64 only</summary>
    internal static (int Size, int DataOffset) EpollEventOn(Architecture architecture) => architecture == Architecture.X64 ? (12, 4) : (16, 8);

    /// <summary>epoll_create1(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle epoll_create1(int flags);

    /// <summary>epoll_ctl(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int epoll_ctl(SafeFileHandle epfd, int op, SafeHandle fd, byte* ev);

    /// <summary>epoll_wait(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int epoll_wait(SafeFileHandle epfd, byte* events, int maxevents, int timeout);

    /// <summary>eventfd(2)</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial SafeFileHandle eventfd(uint initval, int flags);

    /// <summary>memfd_create(2)</summary>
    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial SafeFileHandle memfd_create(string name, uint flags);
}
