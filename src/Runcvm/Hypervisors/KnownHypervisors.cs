using Runcvm.Hypervisors.Firecracker;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Options;

namespace Runcvm.Hypervisors;

/// <summary>The hypervisors that there are, and the one place where one of them is chosen.</summary>
internal static class KnownHypervisors
{
    private static readonly IHypervisor[] All = [new QemuHypervisor(), new FirecrackerHypervisor()];

    internal static IHypervisor Of(Hypervisor choice)
        => Array.Find(All, hypervisor => hypervisor.Choice == choice)
            ?? throw new UsageException($"this version of RunCVM knows no hypervisor of number {(int)choice}");

    /// <summary>By its word, or null.</summary>
    internal static IHypervisor? TryFind(string word) => Array.Find(All, hypervisor => hypervisor.Word == word);
}
