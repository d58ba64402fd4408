using System.Diagnostics;
using System.Globalization;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Building;

/// <summary>A cgroup that this process enters for a moment.</summary>
/// <param name="Folder">the cgroup's</param>
/// <param name="Home">that of the one in which this process is else</param>
internal sealed record CgroupPlace(string Folder, string Home)
{
    private const string Members = "cgroup.procs";

    private static string OwnId => Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    internal void Enter() => Move(Folder);

    internal void Leave() => Move(Home);

    /// <summary>Waits until all that is in it has ended.</summary>
    internal void AwaitEnds(TimeSpan most)
    {
        var clock = Stopwatch.StartNew();
        string members = Path.Combine(Folder, Members);
        if (!File.Exists(members)) return;
        foreach (string member in File.ReadAllLines(members))
        {
            if (member == OwnId) continue;
            try
            {
                using var process = ChildProcess.Of(int.Parse(member, CultureInfo.InvariantCulture));
                if (most > clock.Elapsed) Readiness.Await(process.PidFd, null, most - clock.Elapsed);
            }
            catch (LinuxException e) when (e.Errno == Errno.ESRCH)
            {
                // It has ended.
            }
        }
    }

    private static void Move(string folder) => File.WriteAllText(
        Path.Combine(folder, Members), OwnId);
}
