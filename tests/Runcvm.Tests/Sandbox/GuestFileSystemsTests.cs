using System.Text.Json.Nodes;
using Runcvm.Linux.Mounts;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Sandbox;

public class GuestFileSystemsTests
{
    private const ulong Plain = (ulong)(MountFlags.NoSuid | MountFlags.NoDev | MountFlags.NoExec);

    [Fact]
    public void Dockers_mounts_become_files_and_file_systems()
    {
        using var folder = new TemporaryFolder();
        var systems = GuestFileSystems.From(DockerConfig.Usual(folder.Path)["mounts"]);

        Assert.Equal(
            [$"{folder.Path}/resolv.conf at /etc/resolv.conf", $"{folder.Path}/hostname at /etc/hostname", $"{folder.Path}/hosts at /etc/hosts"],
            systems.Sources.Select(static file => $"{file.Source} at {file.Target}"));
        Assert.All(systems.Files, static file => Assert.Equal((0x1A4u, false), (file.Permissions, file.ReadOnly)));
        Assert.True(systems.HasInit);
        Assert.Equal(
            [
                "sysfs /sys ", "devtmpfs /dev mode=0755", "devpts /dev/pts newinstance,ptmxmode=0666,mode=0620,gid=5",
                "tmpfs /dev/shm mode=1777,size=134217728", "mqueue /dev/mqueue ", "tmpfs /tmp/cache size=64m,mode=1770",
            ],
            systems.Mounts(systemd: false).Select(static mount => $"{mount.Type} {mount.Target} {mount.Data}"));
        Assert.Equal(Plain, systems.Mounts(systemd: false)[^1].Flags);
    }

    [Fact]
    public void A_file_that_the_engine_gives_read_only_stays_so()
    {
        using var folder = new TemporaryFolder();
        string hosts = folder.Write("hosts", "");
        Assert.True(Assert.Single(From("/etc/hosts", "bind", hosts, "rbind", "ro").Files).ReadOnly);
    }

    [Theory]
    [InlineData("bind", "rbind")]
    [InlineData("bind")]
    [InlineData("none", "rbind", "ro")]
    [InlineData("", "bind")]
    public void A_volume_is_refused_by_the_name_of_its_target(string type, params string[] options)
    {
        var e = Assert.Throws<UsageException>(() => From("/data/my volume", type, "/srv", options));
        Assert.StartsWith("/data/my volume cannot be shared", e.Message);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData("/sbin/docker-init")]
    [InlineData("/dev/init")]
    [InlineData("/run/podman-init")]
    public void An_init_of_the_engine_is_recognised(string target)
    {
        Assert.True(From(target, "bind", "/usr/bin/docker-init", "bind", "ro").HasInit);
        Assert.False(GuestFileSystems.From(null).HasInit);
    }

    [Fact]
    public void Shared_memory_has_the_engines_size_or_64_mebibytes()
    {
        Assert.Equal("mode=1777,size=1g", SharedMemory(From("/dev/shm", "tmpfs", "shm", "nosuid", "mode=1777", "size=1g")));
        Assert.Equal("mode=1777,size=65536k", SharedMemory(From("/dev/shm", "tmpfs", "shm", "nosuid")));
        Assert.Equal("mode=1777,size=65536k", SharedMemory(From("/dev/shm", "bind", "/no/mount", "rbind")));
        Assert.Equal("mode=1777,size=65536k", SharedMemory(GuestFileSystems.From(null)));
    }

    [Fact]
    public void Shared_memory_that_the_engine_mounted_keeps_its_size()
    {
        MountInfo? shm = MountInfo.ReadAll().FirstOrDefault(static mount => mount.SuperOption("size") != null);
        if (shm == null) Assert.Skip("no mount of this machine has a size");
        Assert.Equal($"mode=1777,size={shm.SuperOption("size")}", SharedMemory(From("/dev/shm", "bind", shm.Target, "rbind")));
    }

    [Fact]
    public void Systemd_finds_run_as_a_file_system_unless_the_user_gave_one()
    {
        string[] systemds = [.. GuestFileSystems.From(null).Mounts(systemd: true).Select(static mount => mount.Target)];
        Assert.Equal(["/run", "/run/lock"], systemds[^2..]);
        List<GuestMount> own = From("/run", "tmpfs", "tmpfs", "size=1m").Mounts(systemd: true);
        Assert.Equal("size=1m", Assert.Single(own, static mount => mount.Target.StartsWith("/run", StringComparison.Ordinal)).Data);
    }

    private static string SharedMemory(GuestFileSystems systems)
        => Assert.Single(systems.Mounts(systemd: false), static mount => mount.Target == "/dev/shm").Data;

    private static GuestFileSystems From(string target, string type, string source, params string[] options)
        => GuestFileSystems.From(new JsonArray(new JsonObject
        {
            ["destination"] = target,
            ["type"] = type,
            ["source"] = source,
            ["options"] = new JsonArray([.. options.Select(static option => (JsonNode)option)]),
        }));
}
