using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Supervisor;

/// <summary>`runcvm confine-vmm [later|with-parent] LIST landlock|without PROGRAM NAME ARGUMENT…`: the hypervisor's
/// last step into its compartment. It puts Landlock's rules and the filter on system calls before itself and becomes
/// the hypervisor. A thread of the supervisor cannot do that: filters of its threads could then no longer be made
/// one.</summary>
internal static class ConfineVmmVerb
{
    internal const string Name = "confine-vmm";
    private const string Later = "later";
    private const string WithParent = "with-parent";
    private const string WithLandlock = "landlock";
    private const string WithoutLandlock = "without";

    /// <summary>What comes before the hypervisor's own arguments.</summary>
    internal static IReadOnlyList<string> Arguments(MachineDescription description)
        => ["runcvm", Name, ListOf(description), Landlock(description.HasLandlock), description.Hypervisor];

    private static string Landlock(bool isThere) => isThere ? WithLandlock : WithoutLandlock;

    // Firecracker without KVM is the test double, which runs QEMU.
    private static string ListOf(MachineDescription description)
        => (description.IsFirecracker ? "firecracker" : "qemu") + (description.Hardware.UseKvm ? "-kvm" : "-tcg");

    /// <summary>The same for one that is kept ready: it starts when something comes on its standard input, and not at
    /// all when that ends.</summary>
    internal static IReadOnlyList<string> ArgumentsLater(MachineDescription description)
        =>
        [
            "runcvm", Name, Later, ListOf(description), Landlock(description.HasLandlock), description.Hypervisor,
        ];

    /// <summary>The same for one whose machine is saved, which ends with the thread that started it.</summary>
    internal static IReadOnlyList<string> ArgumentsToSave(string hypervisor)
        => ["runcvm", Name, WithParent, "qemu-tcg", Landlock(LandlockRules.Version > 0), hypervisor];

    internal static int Run(IReadOnlyList<string> arguments)
    {
        if (arguments is [Later, ..])
        {
            using SafeFileHandle input = new(0, ownsHandle: false);
            if (FileDescriptor.TryRead(input, stackalloc byte[1]) <= 0) return 0;
            // The null device, as for every hypervisor.
            using SafeFileHandle output = new(1, ownsHandle: false);
            FileDescriptor.PlaceAt(output, 0);
            arguments = [.. arguments.Skip(1)];
        }

        if (arguments is [WithParent, ..])
        {
            // No sandbox around it ends.
            CurrentProcess.SignalWhenParentEnds(SignalNumber.Kill);
            arguments = [.. arguments.Skip(1)];
        }

        if (arguments is not [var kind, WithLandlock or WithoutLandlock, var program, var name, ..])
            throw NotForPeople();
        (SystemCallList Calls, Func<string, LandlockRules> Files) walls = kind switch
        {
            "qemu-kvm" => (QemuCalls.List(emulates: false), HypervisorRules.OfQemu),
            "qemu-tcg" => (QemuCalls.List(emulates: true), HypervisorRules.OfQemu),
            "firecracker-kvm" => (FirecrackerCalls.List, HypervisorRules.OfFirecracker),
            "firecracker-tcg" => (FirecrackerCalls.OfTheDouble, HypervisorRules.OfTheDouble),
            _ => throw NotForPeople(),
        };
        // First, because no list of calls has Landlock's. What is open already stays so.
        if (arguments[1] == WithLandlock) walls.Files(program).Enforce();
        SystemCallFilter.Of(walls.Calls).Install(allThreads: true);
        CurrentProcess.Execute(program, [name, .. arguments.Skip(4)], []);
        return 1;
    }

    private static UsageException NotForPeople()
        => new($"'{Name}' is what RunCVM's own parts call; see runcvm help");
}
