using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;

namespace Runcvm.Egress;

/// <summary>One policy in the kernel: what `create` loads, and the supervisor puts on the machine's taps.</summary>
/// <param name="Decide">looks at what comes from the machine</param>
/// <param name="Record">looks at what goes to it</param>
/// <param name="Pins">the table of addresses that names have now</param>
internal sealed record EgressPrograms(SafeFileHandle Decide, SafeFileHandle Record, SafeFileHandle Pins)
{
    /// <summary>By which the deciding one is known in the kernel.</summary>
    internal const string Name = "rcvm_egress";

    /// <summary>How many files these are.</summary>
    internal const int Files = 3;

    internal IReadOnlyList<SafeFileHandle> All => [Decide, Record, Pins];

    /// <summary>Takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.</summary>
    /// <param name="policy">what to load</param>
    /// <param name="host">the host's own addresses</param>
    internal static EgressPrograms Load(EgressPolicy policy, IReadOnlyList<AddressPrefix> host)
    {
        FrameLayout layout = FrameLayout.TryRead() ?? throw new UsageException(
            "RUNCVM_EGRESS cannot be enforced here: it needs Linux 6.2 or newer, built with CONFIG_DEBUG_INFO_BTF");
        try
        {
            using var maps = new EgressMaps(new EgressTables(policy, host), policy.IsLearning);
            SafeFileHandle decide = EgressProgram.Build(maps, layout).Load(Name);
            SafeFileHandle record = RecordProgram.Build(maps).Load("rcvm_record");
            return new EgressPrograms(decide, record, maps.TakePins());
        }
        catch (LinuxException e)
        {
            throw new UsageException($"RUNCVM_EGRESS cannot be enforced here: {e.Message}");
        }
    }

    /// <summary>Those that another process loaded.</summary>
    internal static EgressPrograms Of(ReadOnlySpan<SafeFileHandle> files) => new(files[0], files[1], files[2]);
}
