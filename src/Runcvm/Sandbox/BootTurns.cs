using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>The host's places for machines that boot without KVM, one for each of its processors: files that a supervisor locks. A kernel
/// that boots measures its timer against the host's clock. Where many more processors are emulated than there are, it is held up in
/// the middle, measures badly, and has a timer that is slow, or none, for as long as the machine lives. Machines that take turns
/// are all up as early as those that do not.</summary>
internal static class BootTurns
{
    /// <summary>On the host: beside the folders of the machines, whose names are any.</summary>
    internal const string Folder = "/run/runcvm-boots";

    /// <summary>The same folder as the sandbox sees it, which cannot write to it.</summary>
    internal const string InSandbox = "/run/boots";

    /// <summary>A kernel that has not come to its end by then has measured long ago.</summary>
    internal static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(20);

    /// <summary>When machines were made, on the host alone: milliseconds since its start, 8 bytes each.</summary>
    private const string Recent = "/run/runcvm-boots.recent";

    // Seconds. Where nothing was made in the last of the longest turns, every honest turn is over.
    private const int LeastPatience = 5;
    private const int MostPatience = 60;
    private const int MostCounted = 1024;

    /// <summary>Makes what is missing.</summary>
    internal static void Ensure(string folder = Folder)
    {
        int count = Environment.ProcessorCount;
        if (File.Exists(FileOf(folder, count - 1))) return;
        Node.MakeDirectory(folder);
        for (int i = 0; i < count; i++)
        {
            // Readable to a sandbox whose root is another user, and to be locked by whoever can read it.
            FileDescriptor.Open(FileOf(folder, i), OpenFlags.ReadOnly | OpenFlags.Create, 0x124).Dispose();
        }
    }

    /// <summary>How many seconds the machine that is made now may wait for its turn. A sandbox that keeps its place for
    /// ever costs others no more than that: a few seconds, and the turns of the machines made shortly before. The host
    /// alone counts those: a sandbox can neither read nor lock the file.</summary>
    internal static int PatienceOfNew(string file = Recent, long? now = null)
    {
        long time = now ?? Environment.TickCount64;
        const OpenFlags Flags = OpenFlags.ReadWrite | OpenFlags.Create;
        using SafeFileHandle recent = FileDescriptor.Open(file, Flags, Permission.OwnersFile);
        FileDescriptor.Lock(recent);
        byte[] content = new byte[MostCounted * sizeof(long)];
        int length = RandomAccess.Read(recent, content, 0);
        int whole = length / sizeof(long) * sizeof(long);
        long[] times = MemoryMarshal.Cast<byte, long>(content.AsSpan(0, whole)).ToArray();
        long[] before =
            [.. times.Where(made => made <= time && time - made < (long)LongestTurn.TotalMilliseconds)];
        long[] kept = [.. before.TakeLast(MostCounted - 1), time];
        FileDescriptor.SetLength(recent, 0);
        RandomAccess.Write(recent, MemoryMarshal.AsBytes<long>(kept), 0);
        int turns = before.Length * (int)LongestTurn.TotalSeconds / Environment.ProcessorCount;
        return Math.Min(MostPatience, LeastPatience + turns);
    }

    private static string FileOf(string folder, int number) => Path.Combine(folder, number.ToString(CultureInfo.InvariantCulture));
}
