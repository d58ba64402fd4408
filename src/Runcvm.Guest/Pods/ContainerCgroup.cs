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

    private readonly string _folder;

    /// <summary>Makes it, with its limits.</summary>
    internal ContainerCgroup(uint container, ContainerLimits limits)
    {
        _folder = string.Create(CultureInfo.InvariantCulture, $"{PodGround.Cgroups}/{container}");
        Node.MakeDirectory(_folder);
        if (limits.Memory > 0) Write("memory.max", limits.Memory);
        if (limits.Processes > 0) Write("pids.max", limits.Processes);
        if (limits.CpuWeight > 0) Write("cpu.weight", limits.CpuWeight);
        if (limits.CpuQuota > 0)
            Write("cpu.max", limits.CpuPeriod > 0 ? $"{limits.CpuQuota} {limits.CpuPeriod}" : $"{limits.CpuQuota}");
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
    internal async Task EmptyAsync(EventLoop loop)
    {
        string path = _folder + "/cgroup.events";
        using var events = new AsyncFile(loop, FileDescriptor.Open(path, OpenFlags.ReadOnly));
        while (!File.ReadAllText(path).Contains(Empty, StringComparison.Ordinal)) await events.ReadableAsync();
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

    private void Write(string file, long number) => Write(file, number.ToString(CultureInfo.InvariantCulture));

    private void Write(string file, string text) => File.WriteAllText($"{_folder}/{file}", text);
}
