using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Bpf;

/// <summary>By what a program is known in the kernel as long as the host runs.</summary>
/// <param name="Number">of those that are loaded now no other has it</param>
/// <param name="Time">when it was loaded, in nanoseconds since the boot</param>
public readonly record struct LoadedProgram(uint Number, ulong Time)
{
    // struct bpf_prog_info: id at 4, load_time at 40.
    private const int NumberAt = 4;
    private const int TimeAt = 40;

    /// <summary>Of an open file.</summary>
    public static LoadedProgram Of(SafeFileHandle file)
    {
        byte[] info = new byte[TimeAt + sizeof(ulong)];
        BpfCall.Info(file, info);
        return In(info);
    }

    // Far longer than any program runs.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits until no program runs that had begun before, on any processor.</summary>
    public static void AwaitOthers()
    {
        const int Global = 1; // MEMBARRIER_CMD_GLOBAL
        nint result = Libc.syscall(SystemCallNumber.Here.membarrier, Global, 0, 0);
        if (result >= 0) return;
        if (SystemCall.LastError != Errno.EINVAL) SystemCall.Check(result, $"wait for other processors");
        // A kernel that leaves some processors alone (nohz_full) has it not, and tells of nothing else to wait for.
        Thread.Sleep(Patience);
    }

    internal static LoadedProgram In(ReadOnlySpan<byte> info)
        => new(BinaryPrimitives.ReadUInt32LittleEndian(info[NumberAt..]),
            BinaryPrimitives.ReadUInt64LittleEndian(info[TimeAt..]));
}
