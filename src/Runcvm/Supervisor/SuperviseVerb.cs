using Microsoft.Win32.SafeHandles;
using Runcvm.Brokering;
using Runcvm.Egress;
using Runcvm.FileServing;
using Runcvm.Hypervisors;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Processes;
using Runcvm.Network;
using Runcvm.Oci;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Supervisor;

/// <summary>`runcvm supervise`: what the sandbox runs.</summary>
internal static class SuperviseVerb
{
    /// <summary>The code of a machine that failed, as docker reports failures of its own.</summary>
    internal const int MachineFailed = 125;

    // Networks that can be connected while the machine runs; each card costs every start a little.
    private const int SpareCards = 1;

    internal static int Run()
    {
        StandardError.Ensure();
        CurrentProcess.IgnoreBrokenPipes();
        // A guest's questions to nameservers alone may be more than the usual soft limit.
        CurrentProcess.RaiseOpenFiles();
        BlockSignals("supervise");
        var timeline = new Timeline();
        timeline.Ended(BootSteps.Runtime);
        try
        {
            MachineDescription description = ReadDescription();
            using var alive = FileDescriptor.Open(MachineFolder.InSandbox.Lock, OpenFlags.ReadOnly);
            FileDescriptor.Lock(alive);
            SafeFileHandle[] handed = HandedFiles.Take();
            int ofPolicies = description.Egress.Count * EgressPrograms.Files;
            int ofPods = description.IsPod ? 1 : 0;
            int ofSaved = description.IsRestored ? 1 : 0;
            int ofNamespace = description.HasNamespacePrograms ? NamespacePrograms.Files : 0;
            if (handed is not [var control, .. var rest]
                || rest.Length < ofPods + ofSaved + ofNamespace + ofPolicies)
                throw new UsageException(
                    "the low-level runtime did not hand on the control socket (LISTEN_FDS); take runc or crun");
            SafeFileHandle? pod = description.IsPod ? rest[0] : null;
            rest = rest[ofPods..];
            SafeFileHandle[] others = rest[(ofSaved + ofNamespace)..];
            IHypervisor kind = KnownHypervisors.Of(description.Kind);
            IReadOnlyList<SafeFileHandle> backing =
                BackingLocks.Take(description.Disks, kind.OpensByName ? HypervisorTree.Root : "");
            // Ready by the time that the network is.
            using FileServerProcess? shares = description.Shares.Count > 0 ? FileServerProcess.Start(description) : null;
            SafeFileHandle networkEvents = RouteEvents.Open();
            EgressPrograms[] policies =
                [.. others[..ofPolicies].Chunk(EgressPrograms.Files).Select(static files => EgressPrograms.Of(files))];
            var rules = new NamespaceRules(
                ofNamespace == 0 ? null : NamespacePrograms.Of(rest.AsSpan(ofSaved, ofNamespace)),
                description.LetsJoinedOut || description.SharesAddresses, ProvidedFiles.AskedNameservers());
            SandboxNetwork network = SandboxNetwork.Prepare(
                description.MaySpoof, kind.OpensByName ? description.HypervisorUser : null,
                description.SharesAddresses ? 0 : SpareCards, policies, rules);
            SafeFileHandle[] ports = others[ofPolicies..];
            using var broker = BrokerProcess.TryStart(description, network, policies, rules, ports);
            if (description.SharesAddresses) network = network with { Shared = new SharedPorts(ports, broker!.Bind) };
            var compartment = new Confinement(HypervisorTree.Root, description.HypervisorUser, HypervisorNamespaces(kind));
            using var hypervisor = new UserThread(compartment);
            using SavedStart? saved = ofSaved == 0 ? null
                : new SavedStart(rest[0], description.IsClone ? null : new UserThread(compartment));
            GiveUpSetUp();
            using var loop = new EventLoop();
            int code = loop.Run(new MachineLife(
                loop, description, network, policies, networkEvents, hypervisor, timeline, shares, broker, control, pod,
                saved).RunAsync);
            foreach (SafeFileHandle file in backing) file.Dispose();
            LeaveOutcome(code, timeline, "");
            return code;
        }
        catch (Exception e) when (e is LinuxException or UsageException or WireFormatException or ChannelClosedException or IOException or UnauthorizedAccessException)
        {
            return Failed(timeline, Reason.Of(e), Reason.Of(e));
        }
        catch (Exception e)
        {
            // Left alone it would end this process by a signal, which as the first one of its namespace it cannot even send itself.
            return Failed(timeline, $"a mistake of RunCVM's own, please report it: {e}", e.Message);
        }
    }

    private static int Failed(Timeline timeline, string told, string reason)
    {
        Console.Error.WriteLine($"runcvm: {told}");
        LeaveOutcome(MachineFailed, timeline, reason);
        return MachineFailed;
    }

    private static void LeaveOutcome(int code, Timeline timeline, string failure)
    {
        BootStep? workload = timeline.Steps.FirstOrDefault(static step => step.Name == BootSteps.Workload);
        int start = workload == null ? -1 : (int)((workload.EndNanoseconds - timeline.Steps[0].EndNanoseconds) / 1_000_000);
        try
        {
            ReadOnlySpan<byte> outcome = WireBytes.Of(new MachineOutcome(code, start, failure));
            MachineFolder.WriteSecret(MachineFolder.InSandbox.Outcome, outcome);
        }
        catch (LinuxException e)
        {
            // The run is over, and its own end matters more than the host's journal.
            MachineLog.Error($"cannot note how the machine ended: {e.Message}");
        }
    }

    /// <summary>Signals are read from a descriptor, for which every thread must have them blocked. Should one of the runtime's
    /// own be out of reach, the program is started over: the mask survives execve.</summary>
    internal static void BlockSignals(params string[] arguments)
    {
        if (!SignalSet.TryBlockForwardedEverywhere())
            CurrentProcess.Execute("/proc/self/exe", ["runcvm", .. arguments], CurrentProcess.Environment);
    }

    private static MachineDescription ReadDescription()
        => WireBytes.Read<MachineDescription>(File.ReadAllBytes(MachineFolder.InSandbox.Description));

    // One that opens its taps by name is in the network namespace where they are.
    private static Namespaces HypervisorNamespaces(IHypervisor kind)
        => Namespaces.Pid | Namespaces.Ipc | Namespaces.Uts | (kind.OpensByName ? Namespaces.None : Namespaces.Network);

    // The compartments are made, and nothing of guest or hypervisor was read yet. From here on no thread may change
    // anything.
    private static void GiveUpSetUp()
    {
        ThreadCapabilities.Drop();
        CapabilitySet left = ThreadCapabilities.Permitted();
        if (left != CapabilitySet.Empty)
            throw new UsageException($"a thread of the supervisor kept capabilities ({left.Bits:x}); please report this");
        CurrentProcess.ForbidInspection();
        CurrentProcess.SetLimit(Rlimit.Core, 0, 0);
    }
}
