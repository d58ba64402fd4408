using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Building;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Building;

/// <summary>Where a builder's cgroup is made and what it is told, on hosts whose hierarchies are folders.</summary>
[Collection(nameof(BuilderRoomTests))]
public sealed class BuilderGroupTests : IDisposable
{
    private const long Most = 1L << 30;

    private static readonly string OwnId = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("/engine.slice/pod.slice", "engine.slice")] // the engine has not made the pod's yet
    [InlineData("/engine.slice", "engine.slice")]
    [InlineData("/poor.slice", "")] // what is above gives it no memory to pass on
    [InlineData(null, "service.slice")] // that of this process
    public void On_version_2_it_is_made_where_memory_and_processes_are_passed_on(string? parent, string place)
    {
        Controllers("", "cpu memory pids", "memory pids");
        Controllers("engine.slice", "memory pids", "");
        Controllers("poor.slice", "cpu", "cpu");
        Controllers("service.slice", "cpu memory pids", "cpu memory pids");
        _folder.Make("service.slice/service");
        using BuilderGroup group = Make([Mount("", "cgroup2", "rw")], ["0::/service.slice/service"], parent);
        Assert.True(group.Exists);
        string made = Assert.Single(Directory.GetDirectories(_folder.Path(place), "runcvm-build-*"));
        Assert.Equal($"{Most}", File.ReadAllText(made + "/memory.max"));
        Assert.Equal("512", File.ReadAllText(made + "/pids.max"));
        if (place == "engine.slice")
            Assert.Equal("+memory +pids", File.ReadAllText(_folder.Path("engine.slice/cgroup.subtree_control")));

        Assert.Equal(OwnId, group.Start(() => File.ReadAllText(made + "/cgroup.procs")));
        Assert.Equal(OwnId, File.ReadAllText(_folder.Path("service.slice/service/cgroup.procs")));
    }

    [Fact]
    public void On_version_1_there_is_one_for_memory_and_one_for_processes()
    {
        foreach (string folder in (string[])["memory/engine", "memory/own", "pids/own", "cpu/engine", "unified"])
            _folder.Make(folder);
        MountInfo[] mounts =
        [
            Mount("memory", "cgroup", "rw,memory"), Mount("pids", "cgroup", "rw,pids"),
            Mount("cpu", "cgroup", "rw,cpu,cpuacct"), Mount("unified", "cgroup2", "rw"),
        ];
        using BuilderGroup group = Make(mounts, ["4:memory:/own", "8:pids:/own", "0::/"], "/engine");
        string memory = Assert.Single(Directory.GetDirectories(_folder.Path("memory/engine")));
        string processes = Assert.Single(Directory.GetDirectories(_folder.Path("pids"), "runcvm-build-*"));
        Assert.Equal($"{Most}", File.ReadAllText(memory + "/memory.limit_in_bytes"));
        Assert.Equal("512", File.ReadAllText(processes + "/pids.max"));
        Assert.Equal((OwnId, OwnId), group.Start(() =>
            (File.ReadAllText(memory + "/cgroup.procs"), File.ReadAllText(processes + "/cgroup.procs"))));
        Assert.Equal(OwnId, File.ReadAllText(_folder.Path("memory/own/cgroup.procs")));
        Assert.Equal(OwnId, File.ReadAllText(_folder.Path("pids/own/cgroup.procs")));
    }

    [Fact]
    public void What_a_process_that_was_killed_left_there_is_removed()
    {
        Controllers("", "memory pids", "memory pids");
        // No process has this number.
        string left = _folder.Make("runcvm-build-4194305-1");
        string used = _folder.Make($"runcvm-build-{OwnId}-0");
        using BuilderGroup group = Make([Mount("", "cgroup2", "rw")], ["0::/own"], "/");
        Assert.False(Directory.Exists(left));
        Assert.True(Directory.Exists(used));
    }

    [Theory]
    [InlineData("/", "0::/../../elsewhere")]
    [InlineData("/docker/container", "0::/docker/container")]
    [InlineData("/", "7:memory:/own")]
    public void Where_this_process_does_not_see_where_it_is_there_is_none(string root, string own)
    {
        Controllers("", "memory pids", "memory pids");
        using BuilderGroup group = Make([Mount("", "cgroup2", "rw") with { Root = root }], [own], null);
        Assert.False(group.Exists);
        Assert.Equal(7, group.Start(static () => 7));
        Assert.NotNull(BuilderGroup.Missing);
        Assert.Empty(Directory.EnumerateDirectories(_folder.Path("")));
    }

    [Fact]
    public void It_holds_what_is_started_in_it_and_is_gone_when_that_has_ended()
    {
        using BuilderGroup group = BuilderGroup.Make();
        Assert.SkipUnless(group.Exists, $"this process makes no cgroup: {BuilderGroup.Missing}");
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        using SafeFileHandle input = read;
        ChildProcess child;
        using (write) child = group.Start(() => ChildProcess.Start("/bin/cat", ["cat"], [], [(0, read), (1, write)]));
        using (child)
        {
            string where = File.ReadAllText($"/proc/{child.Id}/cgroup");
            string name = Path.GetFileName(group.Folders.First());
            Assert.Equal(group.Folders.Count(), where.Split(name).Length - 1);
            Assert.DoesNotContain(name, File.ReadAllText("/proc/self/cgroup"), StringComparison.Ordinal);
            // It may still be dying then.
            child.Kill(SignalNumber.Kill);
            group.Dispose();
            child.Wait();
        }

        Assert.All(group.Folders, static folder => Assert.False(Directory.Exists(folder), folder));
    }

    private static BuilderGroup Make(IReadOnlyList<MountInfo> mounts, IReadOnlyList<string> own, string? parent)
        => BuilderGroup.Make(mounts, own, parent, Most);

    private void Controllers(string folder, string there, string passed)
    {
        _folder.Make(folder.Length == 0 ? "." : folder);
        File.WriteAllText(_folder.Path(folder) + "/cgroup.controllers", there + "\n");
        File.WriteAllText(_folder.Path(folder) + "/cgroup.subtree_control", passed + "\n");
    }

    private MountInfo Mount(string name, string type, string options)
        => new("/", _folder.Path(name), "rw", type, "cgroup", options);
}
