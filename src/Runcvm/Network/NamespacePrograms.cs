using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Protocol;

namespace Runcvm.Network;

/// <summary>What `create` loads into the kernel for the container's interfaces, and hands on: who puts it there may
/// load nothing itself.</summary>
/// <param name="Keep"><see cref="OwnSocketProgram"/></param>
/// <param name="Refuse"><see cref="RefusalProgram"/></param>
internal sealed record NamespacePrograms(SafeFileHandle Keep, SafeFileHandle Refuse)
{
    /// <summary>How many files these are.</summary>
    internal const int Files = 2;

    internal IReadOnlyList<SafeFileHandle> All => [Keep, Refuse];

    /// <summary>Takes CAP_BPF and CAP_NET_ADMIN, and Linux 5.2. Null where this kernel does not take them.</summary>
    /// <param name="problem">says why not</param>
    internal static NamespacePrograms? TryLoad(out string problem)
    {
        problem = "";
        SafeFileHandle? keep = null;
        try
        {
            keep = OwnSocketProgram.Build().Load("rcvm_keep");
            return new NamespacePrograms(keep, RefusalProgram.Build().Load("rcvm_refuse"));
        }
        catch (LinuxException e)
        {
            keep?.Dispose();
            problem = e.Message;
            return null;
        }
    }

    /// <summary>For the machine's log.</summary>
    internal static string Notice(string problem)
        => $"ports {NamespacePorts.Range} of the machine are not reached from outside, and containers that join its "
            + $"network are not told what is refused to them: this kernel took no program for that ({problem})";

    /// <summary>Those that another process loaded.</summary>
    internal static NamespacePrograms Of(ReadOnlySpan<SafeFileHandle> files) => new(files[0], files[1]);
}
