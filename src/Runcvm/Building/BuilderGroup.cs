using System.Globalization;
using Runcvm.Linux.Mounts;

namespace Runcvm.Building;

/// <summary>A cgroup for one builder and all that it starts. It bounds together what limits of a process
/// (setrlimit(2)) bound for each one alone, and counts for the part of the host in which the container will be. Where
/// this process may make no cgroups there is none, and those limits stay.</summary>
internal sealed class BuilderGroup : IDisposable
{
    // What one process may have as well. As much may be swapped out.
    internal const long MostMemory = 4L << 30;

    // Decompressors have a thread for each processor.
    private const int MostProcesses = 512;

    private const string Mark = "runcvm-build-";

    private static readonly TimeSpan Dying = TimeSpan.FromSeconds(10);

    // This process is in one group at a time.
    private static readonly Lock Moving = new();

    private static int Made;

    private readonly IReadOnlyList<CgroupPlace> _places;

    private BuilderGroup(IReadOnlyList<CgroupPlace> places) => _places = places;

    /// <summary>The cgroup below which the container's will be, as a path within a hierarchy. Null where there is no
    /// container: then it is that below which this process is. It is set once, before there is a builder, because
    /// builders are started deep below where containers are known.</summary>
    internal static string? Parent { get; set; }

    /// <summary>Why a builder had none, or null.</summary>
    internal static string? Missing { get; private set; }

    /// <summary>Whether there is one.</summary>
    internal bool Exists => _places.Count > 0;

    /// <summary>One in each hierarchy.</summary>
    internal IEnumerable<string> Folders => _places.Select(static place => place.Folder);

    /// <summary>Makes one, in this host's hierarchies.</summary>
    internal static BuilderGroup Make(long mostMemory = MostMemory)
        => Make(MountInfo.ReadAll(), File.ReadAllLines("/proc/self/cgroup"), Parent, mostMemory);

    /// <summary>Makes one.</summary>
    /// <param name="mounts">where hierarchies are mounted</param>
    /// <param name="own">lines of /proc/self/cgroup</param>
    /// <param name="parent">see <see cref="Parent"/></param>
    /// <param name="mostMemory">bytes</param>
    internal static BuilderGroup Make(
        IReadOnlyList<MountInfo> mounts, IReadOnlyList<string> own, string? parent, long mostMemory)
    {
        var places = new List<CgroupPlace>();
        var group = new BuilderGroup(places);
        try
        {
            string name = string.Create(
                CultureInfo.InvariantCulture, $"{Mark}{Environment.ProcessId}-{Interlocked.Increment(ref Made)}");
            foreach (CgroupHierarchy hierarchy in CgroupHierarchy.All(mounts, own))
            {
                string place = hierarchy.PlaceBelow(parent);
                RemoveForgotten(place);
                places.Add(hierarchy.Make(Path.Combine(place, name)));
                hierarchy.Limit(places[^1].Folder, mostMemory, MostProcesses);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Missing = Reason.Of(e);
            group.Dispose();
            places.Clear();
        }

        return group;
    }

    /// <summary>Starts something in it. This process is in it meanwhile, because a child is where its parent is, and
    /// leaves it before anything is waited for.</summary>
    /// <exception cref="UsageException">this process cannot leave it</exception>
    internal T Start<T>(Func<T> start)
    {
        lock (Moving)
        {
            var entered = new List<CgroupPlace>();
            try
            {
                Enter(entered);
                return start();
            }
            finally
            {
                LeaveAll(entered);
            }
        }
    }

    /// <summary>Removes it, when what was killed in it has ended. Should that not be in time, the next builder removes
    /// it.</summary>
    public void Dispose()
    {
        foreach (CgroupPlace place in _places)
        {
            if (TryRemove(place.Folder)) continue;
            place.AwaitEnds(Dying);
            TryRemove(place.Folder);
        }
    }

    private void Enter(List<CgroupPlace> entered)
    {
        try
        {
            foreach (CgroupPlace place in _places)
            {
                place.Enter();
                entered.Add(place);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Missing = Reason.Of(e);
        }
    }

    // Of all, also where one does not let it go: else it would be bounded like a builder from here on.
    private static void LeaveAll(List<CgroupPlace> entered)
    {
        Exception? failure = null;
        foreach (CgroupPlace place in entered)
        {
            try
            {
                place.Leave();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                failure ??= e;
            }
        }

        if (failure != null)
            throw new UsageException($"a builder's cgroup could not be left: {Reason.Of(failure)}", failure);
    }

    // Of processes that were killed.
    private static void RemoveForgotten(string place)
    {
        foreach (string folder in Directory.GetDirectories(place, Mark + "*"))
        {
            string maker = Path.GetFileName(folder)[Mark.Length..].Split('-')[0];
            if (!Directory.Exists("/proc/" + maker)) TryRemove(folder);
        }
    }

    // Only an empty one can be.
    private static bool TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return !Directory.Exists(folder);
        }
    }
}
