using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Terminals;

/// <summary>pty(7)</summary>
public static unsafe class PseudoTerminal
{
    /// <summary>Opens a new pair on the devpts instance whose multiplexer is at <paramref name="ptmx"/>.</summary>
    public static (SafeFileHandle Master, SafeFileHandle Slave) Open(string ptmx)
    {
        SafeFileHandle master = FileDescriptor.Open(ptmx, OpenFlags.ReadWrite | OpenFlags.NoControllingTerminal);
        int unlock = 0;
        SystemCall.Check(Libc.ioctl(master, Libc.TIOCSPTLCK, &unlock), $"unlock a pseudo-terminal");
        int flags = OpenFlagValues.ToNative(OpenFlags.ReadWrite | OpenFlags.NoControllingTerminal | OpenFlags.CloseOnExec);
        int slave = SystemCall.Check(Libc.ioctl(master, Libc.TIOCGPTPEER, (nint)flags), $"open a pseudo-terminal's other side");
        return (master, new SafeFileHandle(slave, true));
    }

    /// <summary>ioctl(TIOCSCTTY): makes the file at descriptor <paramref name="number"/> this session's terminal.</summary>
    public static void TakeAsControlling(int number)
        => SystemCall.Check(Libc.ioctl(number, Libc.TIOCSCTTY, 0), $"take the controlling terminal");

    /// <summary>Opens the terminal behind standard input once more by its name in <paramref name="folder"/>, and puts it at
    /// descriptors 0 to 2: a terminal opened in another mount namespace has no name in this one, and ttyname(3) fails.
    /// Nothing happens where standard input is no terminal.</summary>
    /// <returns>the terminal's name, or null</returns>
    public static string? ReopenStreams(string folder)
    {
        const int SlaveMajor = 136;
        // Not by way of /proc, which may be that of a PID namespace this process is not in.
        using var input = new SafeFileHandle(0, ownsHandle: false);
        FileStatus status = FileStatus.Of(input);
        if (status.Kind != FileKind.CharacterDevice || status.SpecialDevice >> 8 != SlaveMajor) return null;
        string name = $"{folder}/{status.SpecialDevice & 0xff}";
        using SafeFileHandle terminal = FileDescriptor.Open(name, OpenFlags.ReadWrite | OpenFlags.NoControllingTerminal);
        for (int number = 0; number < 3; number++) FileDescriptor.PlaceAt(terminal, number);
        return name;
    }

    /// <summary>Whether the file is a terminal.</summary>
    public static bool IsTerminal(SafeFileHandle file)
    {
        Libc.termios settings;
        return Libc.ioctl(file, Libc.TCGETS, &settings) == 0;
    }

    /// <summary>Rows and columns of the terminal.</summary>
    public static (ushort Rows, ushort Columns) GetSize(SafeFileHandle terminal)
    {
        Libc.winsize size;
        SystemCall.Check(Libc.ioctl(terminal, Libc.TIOCGWINSZ, &size), $"read the window size");
        return (size.ws_row, size.ws_col);
    }

    /// <summary>Sets rows and columns; the foreground process gets SIGWINCH.</summary>
    public static void SetSize(SafeFileHandle terminal, ushort rows, ushort columns)
    {
        var size = new Libc.winsize { ws_row = rows, ws_col = columns };
        SystemCall.Check(Libc.ioctl(terminal, Libc.TIOCSWINSZ, &size), $"set the window size");
    }

    /// <summary>cfmakeraw(3): bytes pass as they are, without echo, signals or line ends changed.</summary>
    public static void MakeRaw(SafeFileHandle terminal)
    {
        Libc.termios t;
        SystemCall.Check(Libc.ioctl(terminal, Libc.TCGETS, &t), $"read terminal settings");
        t.c_iflag &= ~0x5EBu; // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
        t.c_oflag &= ~0x1u; // OPOST
        t.c_lflag &= ~0x804Bu; // ISIG ICANON ECHO ECHONL IEXTEN
        t.c_cflag = (t.c_cflag & ~0x130u) | 0x30u; // CSIZE PARENB; CS8
        SystemCall.Check(Libc.ioctl(terminal, Libc.TCSETS, &t), $"set terminal settings");
    }

    /// <summary>Switches off OPOST: a line end stays a single byte.</summary>
    public static void KeepLineEnds(SafeFileHandle terminal)
    {
        Libc.termios t;
        SystemCall.Check(Libc.ioctl(terminal, Libc.TCGETS, &t), $"read terminal settings");
        t.c_oflag &= ~0x1u;
        SystemCall.Check(Libc.ioctl(terminal, Libc.TCSETS, &t), $"set terminal settings");
    }
}
