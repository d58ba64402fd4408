using Runcvm.Building;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Images;

/// <summary>The root folder of mkfs.erofs, which reads what strangers made: the layers, the programs and libraries of
/// the host, and the one file that it writes. There is no <c>/proc</c> in it, no <c>/dev</c>, and no other file of the
/// host.</summary>
internal static class BuilderTree
{
    // 64 GiB take a few minutes of a slow host.
    private const ulong MostSeconds = 1800;

    /// <summary>How long it may take, asleep or not. The kernel counts only how long it computes.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromSeconds(2 * MostSeconds);

    // A million files take it a few hundred MiB.
    private const ulong MostMemory = 4UL << 30;

    /// <summary>Puts the program and its output beside the layers.</summary>
    /// <param name="tree">a file system in memory</param>
    /// <param name="program">without links</param>
    /// <param name="output">on the host; made</param>
    /// <param name="user">owner of the output</param>
    /// <returns>the output as the program sees it</returns>
    internal static string Furnish(string tree, string program, string output, uint user)
    {
        BuilderRoot.ShowPrograms(tree, program);
        string made = "/" + Path.GetFileName(output);
        const OpenFlags New = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive;
        FileDescriptor.Open(output, New, Permission.PlainFile).Dispose();
        FileDescriptor.Open(tree + made, New, Permission.OwnersFile).Dispose();
        MountPoint.Bind(output, tree + made);
        Node.SetOwner(output, user, user);
        return made;
    }

    /// <summary>Makes it the root of this thread, and takes from the thread all but what it takes to read any file
    /// there and to write its own. The kernel ends a program that goes beyond its bounds.</summary>
    /// <param name="tree">a mount point</param>
    /// <param name="bounds">of the build</param>
    /// <param name="program">that will be executed</param>
    /// <param name="places">the layers and the output as the program sees them, and which of them it may write</param>
    internal static void Enter(
        string tree, BuildBounds bounds, string program, params IReadOnlyList<(string Path, bool IsWritable)> places)
    {
        CurrentProcess.SetLimit(Rlimit.FileSize, (ulong)bounds.MostBytes, (ulong)bounds.MostBytes);
        CurrentProcess.SetLimit(Rlimit.ProcessorTime, MostSeconds, MostSeconds + 1);
        CurrentProcess.SetLimit(Rlimit.Data, MostMemory, MostMemory);
        MountPoint.Confine(tree);
        BuilderIdentity.Become(bounds.User, CapabilitySet.Of(["CAP_DAC_READ_SEARCH"]));
        BuilderRules.EnforceIfPossible(BuilderRules.Of(program, places) with { KeepsSignals = true });
        SystemCallFilter.Of(BuilderCalls.List).Install(allThreads: false);
    }
}
