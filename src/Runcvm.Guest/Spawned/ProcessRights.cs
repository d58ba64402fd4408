using Runcvm.Linux.Processes;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Spawned;

/// <summary>User, capabilities and filter of a process that is about to start, taken by this process.</summary>
/// <param name="spec">what it is to have</param>
/// <param name="filter">on its system calls; empty is none</param>
internal sealed class ProcessRights(ProcessSpec spec, byte[] filter)
{
    // Who is not bound to have no more rights than now must have this to be filtered: seccomp(2).
    private static readonly CapabilitySet ForFilter = CapabilitySet.Of(["CAP_SYS_ADMIN"]);

    private bool KeepsForFilter => filter.Length > 0 && !spec.NoNewPrivileges;

    /// <summary>Becomes the user. What takes a filter is kept until there is one.</summary>
    internal void Take()
    {
        new CapabilitySet(spec.Capabilities.Bounding).LimitBounding();
        CurrentProcess.KeepCapabilities(true);
        CurrentProcess.SetIdentity(spec.User, spec.Group, spec.Groups.ToArray());
        SetCapabilities(KeepsForFilter ? ForFilter : CapabilitySet.Empty);
        // The kernel raises no other, and low-level runtimes let that pass: buildah asks for ambient ones alone.
        new CapabilitySet(spec.Capabilities.Ambient & spec.Capabilities.Permitted & spec.Capabilities.Inheritable)
            .ApplyAmbient();
        CurrentProcess.KeepCapabilities(false);
        if (spec.NoNewPrivileges) CurrentProcess.SetNoNewPrivileges();
    }

    /// <summary>Puts the filter before all that follows, as late as can be: it may refuse what a start takes.</summary>
    internal void Filter()
    {
        if (filter.Length == 0) return;
        SystemCallFilter.OfProgram(filter).InstallHere();
        if (KeepsForFilter) SetCapabilities(CapabilitySet.Empty);
    }

    private void SetCapabilities(CapabilitySet more) => CapabilitySet.Apply(
        new CapabilitySet(spec.Capabilities.Effective | more.Bits),
        new CapabilitySet(spec.Capabilities.Permitted | more.Bits), new CapabilitySet(spec.Capabilities.Inheritable));
}
