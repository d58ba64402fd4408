using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

internal static unsafe partial class Libc
{
    internal const uint TCGETS = 0x5401;
    internal const uint TCSETS = 0x5402;
    internal const uint TIOCSCTTY = 0x540E;
    internal const uint TIOCGWINSZ = 0x5413;
    internal const uint TIOCSWINSZ = 0x5414;
    internal const uint TIOCSPTLCK = 0x40045431;
    internal const uint TIOCGPTPEER = 0x5441;
    internal const uint RNDADDENTROPY = 0x40085203;
    internal const uint RNDRESEEDCRNG = 0x5207;
    internal const uint FICLONE = 0x40049409;

    /// <summary>ioctl(2) with a pointer</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int ioctl(SafeHandle fd, nuint request, void* argp);

    /// <summary>ioctl(2) with an integer</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int ioctl(SafeHandle fd, nuint request, nint arg);

    /// <summary>ioctl(2) with an integer, on a bare number</summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial int ioctl(int fd, nuint request, nint arg);

    /// <summary>struct winsize</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct winsize
    {
        internal ushort ws_row;
        internal ushort ws_col;
        internal ushort ws_xpixel;
        internal ushort ws_ypixel;
    }

    /// <summary>struct termios of the kernel's TCGETS/TCSETS</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct termios
    {
        internal uint c_iflag;
        internal uint c_oflag;
        internal uint c_cflag;
        internal uint c_lflag;
        internal byte c_line;
        internal fixed byte c_cc[19];
    }
}
