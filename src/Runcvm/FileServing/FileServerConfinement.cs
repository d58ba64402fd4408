using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;

namespace Runcvm.FileServing;

/// <summary>Takes from the file server all but the shares and what it takes to serve them.</summary>
internal static class FileServerConfinement
{
    /// <summary>Confines this thread, and executes the program once more from there. Namespaces and capabilities belong
    /// to threads, of
    /// which the runtime has started some by now; of those that the new program starts each is born confined.</summary>
    /// <param name="kept">all the capabilities that are left</param>
    /// <param name="arguments">of the program</param>
    internal static void Enter(CapabilitySet kept, IReadOnlyList<string> arguments)
    {
        using SafeFileHandle program = FileDescriptor.Open("/proc/self/exe", OpenFlags.Path);
        CurrentProcess.SetNoNewPrivileges();
        CurrentProcess.Unshare(Namespaces.Mount | Namespaces.Network | Namespaces.Ipc | Namespaces.Uts);
        MountPoint.Confine(Share.Folder);
        // As root the new program has what is inheritable, and nothing else, for nothing is left to be gained. Nothing
        // becomes inheritable
        // that the bounding set has lost, so that is emptied in between.
        var last = new CapabilitySet(kept.Bits | CapabilitySet.Of(["CAP_SETPCAP"]).Bits);
        CapabilitySet.Apply(last, last, kept);
        CapabilitySet.Empty.LimitBounding();
        CapabilitySet.Apply(kept, kept, kept);
        CurrentProcess.Execute(program, arguments, []);
    }
}
