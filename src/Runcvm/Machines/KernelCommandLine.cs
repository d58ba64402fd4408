using System.Runtime.InteropServices;

namespace Runcvm.Machines;

/// <summary>The guest kernel's arguments. Nothing of the container is among them but what its user wrote.</summary>
internal static class KernelCommandLine
{
    /// <summary>CONFIG_HZ of Debian's kernels and of the tuned one. With another one short delays are longer or shorter by the quotient.</summary>
    private const long TicksPerSecond = 250;

    internal static string Build(Architecture machine, string reset, bool useKvm, long timestampKilohertz, bool debug, string userArguments)
    {
        List<string> arguments =
        [
            // The kernel's last words are all that is known of a guest that does not boot; errors only, because every
            // character on a serial line costs an exit to the hypervisor. The level comes first, or the console would begin with all
            // that was said before it. An early console that is kept, and not console=ttyS0: systemd would start a login on that
            // and wait for its device until a timeout.
            debug ? "loglevel=7" : "loglevel=4", EarlyConsole(machine), "keep_bootcon",
            "panic=-1", .. (machine == Architecture.X64 ? OfX64(reset) : []),
            "cryptomgr.notests", "random.trust_cpu=on", "rcupdate.rcu_expedited=1",
            // Debian's kernel enables AppArmor, and then an inner Docker insists on a program that few images have. Whoever
            // wants it adds apparmor=1, which comes later and wins.
            "apparmor=0",
        ];
        // Under TCG the guest's own calibration of this clock hangs on a busy host, one boot in four.
        // And the second CPU's calibration of its delay loop waits for ticks that a busy host does not deliver: given as well.
        // QEMU gives every CPU the same counter, but the kernel believes that of Intel's only, and would be left with the timer's tick.
        if (machine == Architecture.X64 && !useKvm && timestampKilohertz > 0)
            arguments.AddRange([$"tsc_early_khz={timestampKilohertz}", $"lpj={timestampKilohertz * 1000 / TicksPerSecond}", "tsc=reliable"]);
        if (userArguments.Length > 0) arguments.Add(userArguments);
        return string.Join(' ', arguments);
    }

    // On arm64 the hypervisor's device tree says which one it is, and where.
    private static string EarlyConsole(Architecture machine) => machine == Architecture.X64 ? "earlycon=uart8250,io,0x3f8,115200" : "earlycon";

    private static string[] OfX64(string reset) =>
    [
        // Each hypervisor is ended in its own way. Elsewhere firmware calls do that.
        reset,
        // What a microVM has not, the kernel need not look for.
        "i8042.noaux=1", "i8042.nokbd=1", "8250.nr_uarts=1",
    ];
}
