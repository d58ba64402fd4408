using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Runcvm.Machines;

/// <summary>What a hypervisor has to know of a machine. Paths are those that the hypervisor sees, but for QEMU's disks.</summary>
internal sealed record MachineSettings
{
    /// <summary>What the hypervisor's compartment starts, and the arguments before the hypervisor's own.</summary>
    internal required string Program { get; init; }

    internal IReadOnlyList<string> Before { get; init; } = [];

    /// <summary>of the program, where it matters; else 0.0</summary>
    internal Version Version { get; init; } = new(0, 0);

    /// <summary>the processors that the machine has</summary>
    internal required Architecture Architecture { get; init; }

    internal required Hardware Hardware { get; init; }

    internal required string Vmlinux { get; init; }

    internal required string Initramfs { get; init; }

    internal required string KernelCommandLine { get; init; }

    internal required IReadOnlyList<Disk> Disks { get; init; }

    internal required IReadOnlyList<NetworkCard> Cards { get; init; }

    /// <summary>the hypervisor's root folder as the supervisor sees it</summary>
    internal string Tree { get; init; } = "";

    /// <summary>where it may make files</summary>
    internal string Folder { get; init; } = "";

    /// <summary>The host serves files: there is a second stream for that.</summary>
    internal bool HasShares { get; init; }

    /// <summary>A machine that was saved, which goes on as this one instead of a boot; open for reading.</summary>
    internal SafeFileHandle? Saved { get; init; }

    /// <summary>Whether it goes on where another was saved.</summary>
    internal bool IsRestored => Saved != null;

    /// <summary>It was saved as another machine that had a workload and devices.</summary>
    internal bool IsClone { get; init; }

    /// <summary>That one had booted, and so had its devices in the last places.</summary>
    internal bool ArePlacesLast { get; init; }

    /// <summary>A pipe for one that is started to be kept ready: its hypervisor starts when it reads something there,
    /// and ends when it reads the end.</summary>
    internal SafeFileHandle? StartsAt { get; init; }

    /// <param name="Serial">by which the guest finds it</param>
    /// <param name="Path">its file; for QEMU as the supervisor sees it, which opens it</param>
    /// <param name="ReadOnly">the guest cannot write to it</param>
    internal sealed record Disk(string Serial, string Path, bool ReadOnly);

    /// <param name="Tap">open tap device</param>
    /// <param name="TapName">its name, for a hypervisor that opens it once more</param>
    /// <param name="HardwareAddress">6 bytes</param>
    internal sealed record NetworkCard(SafeFileHandle Tap, string TapName, byte[] HardwareAddress);
}
