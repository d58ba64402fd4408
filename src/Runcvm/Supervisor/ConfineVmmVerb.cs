using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;

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

    // Equally long.
    private const string WithKvm = "-kvm";
    private const string WithoutKvm = "-tcg";

    /// <summary>What comes before the hypervisor's own arguments.</summary>
    internal static IReadOnlyList<string> Arguments(MachineDescription description)
        => ["runcvm", Name, ListOf(description), Landlock(description.HasLandlock), description.Hypervisor];

    private static string Landlock(bool isThere) => isThere ? WithLandlock : WithoutLandlock;

    private static string ListOf(MachineDescription description)
        => KnownHypervisors.Of(description.Kind).Word + (description.Hardware.UseKvm ? WithKvm : WithoutKvm);

    // By the word that the hypervisor is chosen with.
    private static IHypervisor? Find(string list)
        => list.EndsWith(WithKvm, StringComparison.Ordinal) || list.EndsWith(WithoutKvm, StringComparison.Ordinal)
            ? KnownHypervisors.TryFind(list[..^WithKvm.Length]) : null;

    /// <summary>The same for one that is kept ready: it starts when something comes on its standard input, and not at
    /// all when that ends.</summary>
    internal static IReadOnlyList<string> ArgumentsLater(MachineDescription description)
        =>
        [
            "runcvm", Name, Later, ListOf(description), Landlock(description.HasLandlock), description.Hypervisor,
        ];

    /// <summary>The same for one whose machine is saved, which ends with the thread that started it.</summary>
    internal static IReadOnlyList<string> ArgumentsToSave(string hypervisor)
        =>
        [
            "runcvm", Name, WithParent, QemuHypervisor.Id + WithoutKvm, Landlock(LandlockRules.Version > 0),
            hypervisor,
        ];

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

        if (arguments is not [var list, WithLandlock or WithoutLandlock, var program, var name, ..]
            || Find(list) is not { } hypervisor)
            throw new UsageException($"'{Name}' is what RunCVM's own parts call; see runcvm help");
        bool useKvm = list.EndsWith(WithKvm, StringComparison.Ordinal);
        // First, because no list of calls has Landlock's. What is open already stays so.
        if (arguments[1] == WithLandlock) hypervisor.Files(program, useKvm).Enforce();
        SystemCallFilter.Of(hypervisor.Calls(useKvm)).Install(allThreads: true);
        CurrentProcess.Execute(program, [name, .. arguments.Skip(4)], []);
        return 1;
    }
}
