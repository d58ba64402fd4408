using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux;

/// <summary>What concerns the whole machine: only the first process of a kernel calls these.</summary>
public static unsafe class Machine
{
    /// <summary>sethostname(2)</summary>
    public static void SetHostName(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* p = bytes) SystemCall.Check(Libc.sethostname(p, (nuint)bytes.Length), $"set the host name to {name}");
    }

    /// <summary>setdomainname(2)</summary>
    public static void SetDomainName(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        fixed (byte* p = bytes) SystemCall.Check(Libc.setdomainname(p, (nuint)bytes.Length), $"set the domain name to {name}");
    }

    /// <summary>The wall clock, in nanoseconds since 1970 UTC. Everybody may ask for it.</summary>
    public static long Clock => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    /// <summary>clock_settime(2) of the wall clock.</summary>
    /// <param name="nanoseconds">since 1970 UTC</param>
    public static void SetClock(long nanoseconds)
    {
        var time = new Libc.timespec { tv_sec = nanoseconds / 1_000_000_000, tv_nsec = nanoseconds % 1_000_000_000 };
        SystemCall.Check(Libc.clock_settime(0, &time), $"set the clock");
    }

    /// <summary>ioctl(RNDADDENTROPY): credits all bits of <paramref name="seed"/>, so that getrandom(2) answers at
    /// once. And RNDRESEEDCRNG, because a generator that was seeded before would take them into account a minute later.
    /// </summary>
    public static void AddEntropy(ReadOnlySpan<byte> seed)
    {
        byte[] info = new byte[8 + seed.Length];
        BitConverter.TryWriteBytes(info, seed.Length * 8);
        BitConverter.TryWriteBytes(info.AsSpan(4), seed.Length);
        seed.CopyTo(info.AsSpan(8));
        using SafeFileHandle random = FileDescriptor.Open("/dev/random", OpenFlags.WriteOnly);
        fixed (byte* p = info) SystemCall.Check(Libc.ioctl(random, Libc.RNDADDENTROPY, p), $"add entropy");
        SystemCall.Check(Libc.ioctl(random, Libc.RNDRESEEDCRNG, null), $"reseed the random generator");
    }

    /// <summary>finit_module(2). A module that is in the kernel already is no error.</summary>
    public static void LoadModule(SafeFileHandle module, string name)
    {
        byte empty = 0;
        nint result = Libc.syscall(SystemCallNumber.Here.finit_module, module.DangerousGetHandle(), (nint)(&empty), 0);
        if (result < 0 && SystemCall.LastError == Errno.EEXIST) return;
        SystemCall.Check(result, $"load kernel module {name}");
    }

    /// <summary>reboot(2) with LINUX_REBOOT_CMD_RESTART: ends a microVM at once, without flushing anything.</summary>
    public static void Restart() => Reboot(0x01234567);

    /// <summary>reboot(2) with LINUX_REBOOT_CMD_CAD_OFF: Ctrl-Alt-Del becomes a signal to the first process.</summary>
    public static void DisableCtrlAltDel() => Reboot(0);

    private static void Reboot(uint command)
        => SystemCall.Check(
            Libc.syscall(SystemCallNumber.Here.reboot, unchecked((nint)0xfee1dead), 672274793, (nint)command), $"reboot");
}
