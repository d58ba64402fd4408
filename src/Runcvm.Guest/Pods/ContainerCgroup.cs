using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Pods;

/// <summary>All processes of a container, whatever becomes of their parents: what it may use, and how it is
/// ended.</summary>
internal sealed class ContainerCgroup
{
    private const string Empty = "populated 0";
    private const string Inner = "/members";

    // As runc has it.
    private static readonly TimeSpan FreezePatience = TimeSpan.FromSeconds(10);

    private static readonly Task Forever = new TaskCompletionSource().Task;

    private readonly string _folder;

    /// <summary>Makes it, with its limits.</summary>
    internal ContainerCgroup(uint container, ContainerLimits limits)
    {
        _folder = string.Create(CultureInfo.InvariantCulture, $"{PodGround.Cgroups}/{container}");
        Node.MakeDirectory(_folder);
        Limit(limits);
    }

    /// <summary>Sets limits; 0 leaves one, and a negative number takes it away.</summary>
    internal void Limit(ContainerLimits limits)
    {
        if (limits.Memory != 0) Write("memory.max", limits.Memory);
        if (limits.Processes != 0) Write("pids.max", limits.Processes);
        if (limits.CpuWeight > 0) Write("cpu.weight", limits.CpuWeight);
        if (limits.CpuQuota == 0 && limits.CpuPeriod <= 0) return;
        string quota = limits.CpuQuota != 0 ? Text(limits.CpuQuota)
            : File.ReadAllText($"{_folder}/cpu.max").Split(' ')[0];
        Write("cpu.max", limits.CpuPeriod > 0 ? $"{quota} {limits.CpuPeriod}" : quota);
    }

    /// <summary>Takes in a process, and from now on its children.</summary>
    internal void Add(int process)
    {
        try
        {
            Add(process, "");
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            // The container makes groups of its own, and nobody can be beside groups: cgroups(7), "no internal
            // processes".
            Node.MakeDirectory(_folder + Inner);
            Add(process, Inner);
        }
    }

    /// <summary>Kills all of them; none can get away by forking.</summary>
    internal void Kill() => Write("cgroup.kill", "1");

    /// <summary>Ends when none is left.</summary>
    internal Task EmptyAsync(EventLoop loop) => AwaitAsync(loop, static events => Has(events, Empty), Forever);

    /// <summary>Has all of them stand still, or go on, and ends when they do.</summary>
    /// <exception cref="IOException">one of them does not stand still; they all go on</exception>
    internal async Task FreezeAsync(EventLoop loop, bool stand)
    {
        Write("cgroup.freeze", stand ? "1" : "0");
        string state = stand ? "frozen 1" : "frozen 0";
        using var settled = new CancellationTokenSource();
        Task<bool> timeout = loop.DelayAsync(FreezePatience, settled.Token);
        // Those that were killed meanwhile stand still as well.
        if (await AwaitAsync(loop, events => Has(events, state) || Has(events, Empty), timeout))
        {
            settled.Cancel();
            return;
        }

        // Its user is told of a failure, and must not find them standing still later.
        if (stand) Write("cgroup.freeze", "0");
        throw new IOException($"a process of the container has not {(stand ? "stood still" : "gone on")} for "
            + $"{FreezePatience.TotalSeconds} s, probably because it waits for a device or a file system");
    }

    /// <summary>Whether the kernel has killed one because the container had used up its memory.</summary>
    internal bool RanOutOfMemory()
        => File.ReadLines(_folder + "/memory.events").Any(
            static line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && line != "oom_kill 0");

    /// <summary>Removes it, once it is empty, with those that the container made in it.</summary>
    internal void Remove()
    {
        foreach (string folder in Directory.EnumerateDirectories(_folder, "*", SearchOption.AllDirectories)
            .OrderByDescending(static folder => folder.Length).Append(_folder).ToArray())
            Directory.Delete(folder);
    }

    private void Add(int process, string below)
    {
        using SafeFileHandle members = FileDescriptor.Open($"{_folder}{below}/cgroup.procs", OpenFlags.WriteOnly);
        FileDescriptor.WriteAll(members, Encoding.ASCII.GetBytes(process.ToString(CultureInfo.InvariantCulture)));
    }

    private static bool Has(string events, string state) => events.Contains(state, StringComparison.Ordinal);

    private async Task<bool> AwaitAsync(EventLoop loop, Func<string, bool> isSo, Task timeout)
    {
        string path = _folder + "/cgroup.events";
        using var events = new AsyncFile(loop, FileDescriptor.Open(path, OpenFlags.ReadOnly));
        while (!isSo(File.ReadAllText(path)))
            if (await Task.WhenAny(events.ReadableAsync(), timeout) == timeout) return false;
        return true;
    }

    private static string Text(long limit) => limit < 0 ? "max" : limit.ToString(CultureInfo.InvariantCulture);

    private void Write(string file, long limit) => Write(file, Text(limit));

    private void Write(string file, string text) => File.WriteAllText($"{_folder}/{file}", text);
}
