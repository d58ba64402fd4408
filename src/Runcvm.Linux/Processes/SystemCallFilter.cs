using System.Runtime.InteropServices;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A filter on system calls made of a list of allowed ones, see seccomp(2). What it refuses fails with EPERM.
/// Calls that are newer than the list, or of the x32 ABI, fail with ENOSYS. A call by another processor's convention (32
/// bits) ends the process.</summary>
public sealed class SystemCallFilter
{
    private readonly byte[] _program;

    private SystemCallFilter(byte[] program) => _program = program;

    /// <summary>The filter of a list, for the processor that this program runs on.</summary>
    public static SystemCallFilter Of(SystemCallList list)
        => Of(list, RuntimeInformation.ProcessArchitecture == Architecture.Arm64);

    internal static SystemCallFilter Of(SystemCallList list, bool arm64)
        => new(SystemCallProgram.Build(list, arm64));

    /// <summary>The filter of a profile, as the instructions that the kernel takes.</summary>
    /// <exception cref="CallProfileException">the kernel takes none as long</exception>
    public static byte[] ProgramOf(CallProfile profile, bool arm64) => CallProfileProgram.Build(profile, arm64);

    /// <summary>The filter of a program, which the kernel checks when it is to be used.</summary>
    public static SystemCallFilter OfProgram(byte[] program) => new(program);

    /// <summary>How many instructions it has.</summary>
    public int Length => _program.Length / SystemCallProgram.InstructionSize;

    internal ReadOnlySpan<byte> Program => _program;

    /// <summary>Puts the filter before every system call of this thread, or of all threads, and of all that they start.
    /// It cannot be taken away, and a later one can only refuse more. Sets no_new_privs.</summary>
    public void Install(bool allThreads)
    {
        CurrentProcess.SetNoNewPrivileges();
        Add(allThreads);
    }

    /// <summary>The same for this thread alone, whose no_new_privs stays as it is: where that is not set, the thread
    /// must have CAP_SYS_ADMIN.</summary>
    public void InstallHere() => Add(allThreads: false);

    private unsafe void Add(bool allThreads)
    {
        fixed (byte* instructions = _program)
        {
            var program = new Libc.sock_fprog { len = (ushort)Length, filter = instructions };
            nint flags = allThreads ? (nint)Libc.SECCOMP_FILTER_FLAG_TSYNC : 0;
            nint mode = (nint)Libc.SECCOMP_SET_MODE_FILTER;
            nint result = Libc.syscall(SystemCallNumber.Here.seccomp, mode, flags, (nint)(&program));
            SystemCall.Check(result, $"install a filter on system calls");
            // With TSYNC the kernel answers with the thread that it could not reach.
            if (result > 0) throw new LinuxException(Errno.ESRCH, $"filter the system calls of thread {result}");
        }
    }
}
