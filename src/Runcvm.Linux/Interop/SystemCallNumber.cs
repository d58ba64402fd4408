using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

/// <summary>Numbers of system calls that are made without a C wrapper; arch/*/entry/syscalls of the kernel.</summary>
internal static class SystemCallNumber
{
    private static readonly bool Arm64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    internal static nint setgroups => Arm64 ? 159 : 116;
    internal static nint setresuid => Arm64 ? 147 : 117;
    internal static nint setresgid => Arm64 ? 149 : 119;
    internal static nint capset => Arm64 ? 91 : 126;
    internal static nint pivot_root => Arm64 ? 41 : 155;
    internal static nint finit_module => Arm64 ? 273 : 313;
    internal static nint getdents64 => Arm64 ? 61 : 217;
    internal static nint renameat2 => Arm64 ? 276 : 316;
    internal static nint reboot => Arm64 ? 142 : 169;

    // Numbers from 424 on are the same on every architecture.
    internal const nint pidfd_send_signal = 424;
    internal const nint pidfd_open = 434;
    internal const nint openat2 = 437;
}
