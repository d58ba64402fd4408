using System.Runtime.InteropServices;

namespace Runcvm.Linux.Interop;

/// <summary>Numbers of system calls that are made without a C wrapper; arch/*/entry/syscalls of the kernel.</summary>
/// <param name="arm64">else x86-64</param>
internal sealed class SystemCallNumber(bool arm64)
{
    /// <summary>Those of the processor that this program runs on.</summary>
    internal static readonly SystemCallNumber Here = new(RuntimeInformation.ProcessArchitecture == Architecture.Arm64);

    internal nint setgroups => arm64 ? 159 : 116;
    internal nint setresuid => arm64 ? 147 : 117;
    internal nint setresgid => arm64 ? 149 : 119;
    internal nint setfsuid => arm64 ? 151 : 122;
    internal nint setfsgid => arm64 ? 152 : 123;
    internal nint capset => arm64 ? 91 : 126;
    internal nint pivot_root => arm64 ? 41 : 155;
    internal nint finit_module => arm64 ? 273 : 313;
    internal nint getdents64 => arm64 ? 61 : 217;
    internal nint bpf => arm64 ? 280 : 321;
    internal nint membarrier => arm64 ? 283 : 324;
    internal nint renameat2 => arm64 ? 276 : 316;
    internal nint execveat => arm64 ? 281 : 322;
    internal nint reboot => arm64 ? 142 : 169;
    internal nint seccomp => arm64 ? 277 : 317;

    // Numbers from 424 on are the same on every architecture.
    internal const nint pidfd_send_signal = 424;
    internal const nint open_tree = 428;
    internal const nint pidfd_open = 434;
    internal const nint openat2 = 437;
    internal const nint mount_setattr = 442;
    internal const nint landlock_create_ruleset = 444;
    internal const nint landlock_add_rule = 445;
    internal const nint landlock_restrict_self = 446;
}
