using System.Runtime.InteropServices;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>The processor that QEMU emulates: all that it can, but for what only a real one does well.</summary>
internal static class EmulatedProcessor
{
    // Pointer authentication by the book takes longer to emulate than all else that boot does.
    private const string Arm64 = "max,pauth-impdef=on";

    // A processor with these flags fills and copies memory best by `rep stosb` and `rep movsb` (Intel's optimization manual, "Enhanced REP MOVSB and
    // STOSB Operation"), so that is what kernels do with whole pages and between kernel and user. QEMU carries them out byte by byte, three to seven times slower than loops.
    private const string X64 = "max,-erms,-fsrm";

    // The first QEMU that emulates, and knows by name, the flag for short fills (target/i386/cpu.c).
    private static readonly Version FirstWithShortFills = new(8, 1);

    /// <summary>The value of QEMU's <c>-cpu</c>.</summary>
    /// <param name="machine">what it emulates</param>
    /// <param name="qemu">its version; a name that it does not know is an error to it</param>
    internal static string Model(Architecture machine, Version qemu)
        => machine == Architecture.Arm64 ? Arm64 : qemu < FirstWithShortFills ? X64 : X64 + ",-fsrs";
}
