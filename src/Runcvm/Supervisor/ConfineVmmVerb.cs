using Runcvm.Linux.Processes;
using Runcvm.Sandbox;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Supervisor;

/// <summary>`runcvm confine-vmm LIST PROGRAM NAME ARGUMENT…`: the hypervisor's last step into its compartment. It puts the
/// filter on system calls before itself and becomes the hypervisor. A thread of the supervisor cannot do that: filters
/// of its threads could then no longer be made one.</summary>
internal static class ConfineVmmVerb
{
    internal const string Name = "confine-vmm";

    /// <summary>What comes before the hypervisor's own arguments.</summary>
    internal static IReadOnlyList<string> Arguments(MachineDescription description)
        => ["runcvm", Name, ListOf(description), description.Hypervisor];

    // Firecracker without KVM is the test double, which runs QEMU.
    private static string ListOf(MachineDescription description)
        => (description.IsFirecracker ? "firecracker" : "qemu") + (description.UseKvm ? "-kvm" : "-tcg");

    internal static int Run(IReadOnlyList<string> arguments)
    {
        SystemCallList? list = arguments.Count < 3 ? null : arguments[0] switch
        {
            "qemu-kvm" => QemuCalls.List(emulates: false),
            "qemu-tcg" => QemuCalls.List(emulates: true),
            "firecracker-kvm" => FirecrackerCalls.List,
            "firecracker-tcg" => FirecrackerCalls.OfTheDouble,
            _ => null,
        };
        if (list == null) throw new UsageException($"'{Name}' is what RunCVM's own parts call; see runcvm help");
        SystemCallFilter.Of(list).Install(allThreads: true);
        CurrentProcess.Execute(arguments[1], [.. arguments.Skip(2)], []);
        return 1;
    }
}
