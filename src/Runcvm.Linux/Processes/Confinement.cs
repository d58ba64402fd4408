using Runcvm.Linux.Mounts;

namespace Runcvm.Linux.Processes;

/// <summary>The compartment of a program that may turn hostile. A thread enters it for good and starts the program from there:
/// root folder, namespaces and identity belong to a thread, and a child inherits them (namespaces(7), credentials(7)).</summary>
/// <param name="Root">a mount point that becomes the root folder</param>
/// <param name="User">user and group, unmapped elsewhere on this host</param>
/// <param name="Namespaces">new ones beside the mount namespace; a PID namespace is that of the children</param>
public sealed record Confinement(string Root, uint User, Namespaces Namespaces)
{
    // What the last steps take.
    private static readonly string[] Last = ["CAP_SETPCAP", "CAP_SETUID", "CAP_SETGID"];

    /// <summary>What a program that is started from there has, if it is root's; no other gets any.</summary>
    public CapabilitySet Kept { get; init; }

    /// <summary>Takes the calling thread in. It needs CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SETPCAP, CAP_SETUID and
    /// CAP_SETGID, and has no capability afterwards but <see cref="Kept"/>.</summary>
    /// <exception cref="LinuxException">a step failed; the thread must not be used any more</exception>
    internal void Enter()
    {
        CurrentProcess.Unshare(Namespaces | Namespaces.Mount | Namespaces.FileSystemContext);
        MountPoint.Confine(Root);
        // A program of root's has what is inheritable. Nothing becomes that which the bounding set has lost.
        var last = new CapabilitySet(Kept.Bits | CapabilitySet.Of(Last).Bits);
        CapabilitySet.Apply(last, last, Kept);
        CapabilitySet.Empty.LimitBounding();
        CurrentProcess.SetIdentity(User, User, []);
        CapabilitySet.Apply(Kept, Kept, Kept);
        CurrentProcess.SetNoNewPrivileges();
    }
}
