using System.Text.Json.Nodes;
using Runcvm.Linux.Mounts;
using Runcvm.Options;
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
    [InlineData("none", "rbind", "rw")]
    [InlineData("", "bind")]
    public void A_folder_of_the_host_becomes_a_share(string type, params string[] options)
    {
        using var folder = new TemporaryFolder();
        var systems = From("/data/my volume", type, folder.Path, options);
        Assert.Equal(new Share(folder.Path, false, false, options.Contains("bind") ? "bind" : "rbind"), Assert.Single(systems.Shares));
        GuestMount mount = systems.Mounts(systemd: false)[^1];
        Assert.Equal(("/data/my volume", 1u, false, 0ul), (mount.Target, mount.Share, mount.IsFile, mount.Flags));
    }

    [Fact]
    public void A_single_file_is_mounted_on_a_file_and_read_only_is_kept()
    {
        using var folder = new TemporaryFolder();
        var systems = From("/etc/passwd", "bind", folder.Write("passwd", ""), "rbind", "ro", "rprivate", "noexec");
        Assert.Equal((true, true), (Assert.Single(systems.Shares).IsFile, systems.Shares[0].ReadOnly));
        GuestMount mount = systems.Mounts(systemd: false)[^1];
        Assert.Equal((true, (ulong)(MountFlags.ReadOnly | MountFlags.NoExec)), (mount.IsFile, mount.Flags));
        Assert.Empty(systems.Notices);
    }

    [Fact]
    public void Shares_and_file_systems_are_mounted_in_the_order_of_the_spec()
    {
        using var folder = new TemporaryFolder();
        var systems = GuestFileSystems.From(new JsonArray(
            Mount("/a", "bind", folder.Path, "rbind"), Mount("/a/b", "tmpfs", "tmpfs", "size=1m"), Mount("/a/b/c", "bind", folder.Path, "rbind")));
        Assert.Equal(
            [("/a", 1u), ("/a/b", 0u), ("/a/b/c", 2u)],
            systems.Mounts(systemd: false).Skip(5).Select(static mount => (mount.Target, mount.Share)));
    }

    [Theory]
    [InlineData("volumes/HEX/_data", "/var/lib/docker", "rbind", true)]
    [InlineData("volumes/HEX/_data", "/var/lib/containers", "rbind", true)]
    [InlineData("volumes/HEX/_data", "/var/lib/docker", "ro", false)]
    [InlineData("volumes/HEX/_data", "/var/lib/docker/volumes", "rbind", false)]
    [InlineData("volumes/HEX/_data", "/data", "rbind", false)]
    [InlineData("volumes/HEX/_data/below", "/var/lib/docker", "rbind", false)]
    [InlineData("folders/HEX/_data", "/var/lib/docker", "rbind", false)]
    [InlineData("volumes/HEX0/_data", "/var/lib/docker", "rbind", false)]
    [InlineData("volumes/docker-data/_data", "/var/lib/docker", "rbind", false)]
    public void An_engines_data_in_an_anonymous_volume_is_on_the_scratch_disk(string source, string target, string option, bool onScratch)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, source.Replace("HEX", string.Concat(Enumerable.Repeat("0a9f", 16)), StringComparison.Ordinal));
        Directory.CreateDirectory(path);
        var systems = From(target, "bind", path, "rbind", option);
        GuestMount mount = systems.Mounts(systemd: false)[^1];
        Assert.Equal((target, onScratch ? GuestMount.OnScratch : "fuse"), (mount.Target, mount.Type));
        Assert.Equal(onScratch ? 0 : 1, systems.Shares.Count);
        Assert.Equal(onScratch, systems.Notices.Exists(static notice => notice.Contains("own disk", StringComparison.Ordinal)));
        bool isSlow = !onScratch && Runcvm.Protocol.EngineData.Is(target);
        Assert.Equal(isSlow, systems.Notices.Exists(static notice => notice.Contains("overlay2", StringComparison.Ordinal)));
    }

    [Fact]
    public void Disks_come_before_what_lies_in_them_and_their_backing_files_are_not_shared()
    {
        using var folder = new TemporaryFolder();
        string anonymous = Path.Combine(folder.Path, "volumes", new string('a', 64), "_data");
        Directory.CreateDirectory(anonymous);
        var systems = GuestFileSystems.From(
            new JsonArray(
                Mount("/disks", "bind", folder.Path, "rbind"), Mount("/home/me/here", "bind", folder.Path, "rbind"),
                Mount("/var/lib/docker", "bind", anonymous, "rbind"), Mount("/home2", "tmpfs", "tmpfs")),
            [new("/disks/a", "/home/me", DiskFileSystem.Ext4, null), new("/disks/b", "/var/lib/docker", DiskFileSystem.Xfs, null)]);
        Assert.Equal(
            ["ext4 disk1 /home/me", "fuse share1 /home/me/here", "tmpfs tmpfs /home2", "xfs disk2 /var/lib/docker"],
            systems.Mounts(systemd: false).Skip(5).Select(static mount => $"{mount.Type} {mount.Source} {mount.Target}"));
        Assert.Single(systems.Shares);
    }

    [Fact]
    public void A_disk_where_something_else_is_mounted_is_refused()
        => Assert.Contains("/data is the place of a disk", Assert.Throws<UsageException>(() => GuestFileSystems.From(
            new JsonArray(Mount("/data", "tmpfs", "tmpfs")), [new("/disks/a", "/data", DiskFileSystem.Ext4, null)])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_socket_is_refused_by_its_path_or_forwarded()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "docker.sock");
        using Microsoft.Win32.SafeHandles.SafeFileHandle socket = Linux.Sockets.UnixSocket.Listen(path);
        var e = Assert.Throws<UsageException>(() => From("/run/docker.sock", "bind", path, "rbind"));
        Assert.StartsWith($"{path} is a socket", e.Message);
        Assert.Contains("RUNCVM_SHARE_SOCKETS=1", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        var systems = GuestFileSystems.From(new JsonArray(Mount("/a", "bind", folder.Path, "rbind"), Mount("/a/s", "bind", path, "rbind", "ro")), null, sharesSockets: true);
        Assert.Equal(path, Assert.Single(systems.Sockets).Source);
        Assert.Equal([("/a", 1u, 0u), ("/a/s", 0u, 1u)], systems.Mounts(systemd: false).Skip(5).Select(static mount => (mount.Target, mount.Share, mount.Socket)));
    }

    [Fact]
    public void What_is_not_there_or_no_file_is_refused_by_its_path()
    {
        Assert.StartsWith("/no/such/path, to be mounted at /srv,", Assert.Throws<UsageException>(() => From("/srv", "bind", "/no/such/path", "rbind")).Message);
        Assert.StartsWith("/dev/tty is a device", Assert.Throws<UsageException>(() => From("/srv", "bind", "/dev/tty", "rbind")).Message);
    }

    [Fact]
    public void A_memory_device_is_the_guests_own()
    {
        var systems = From("/etc/unwanted.conf", "bind", "/dev/null", "rbind");
        Assert.Empty(systems.Shares);
        GuestMount mount = systems.Mounts(systemd: false)[^1];
        Assert.Equal(("/dev/null", "/etc/unwanted.conf", true), (mount.Source, mount.Target, mount.IsFile));
    }

    [Theory]
    [InlineData("/sys/fs/cgroup", "/sys/fs/cgroup")]
    [InlineData("/lib/modules", "/lib/modules")]
    public void What_belongs_to_the_hosts_kernel_is_left_out_with_a_word(string source, string target)
    {
        var systems = From(target, "bind", source, "rbind", "ro");
        Assert.Empty(systems.Shares);
        Assert.StartsWith(target, Assert.Single(systems.Notices));
    }

    [Fact]
    public void Propagation_is_left_out_with_a_word()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("propagation", Assert.Single(From("/srv", "bind", folder.Path, "rbind", "rslave").Notices), StringComparison.Ordinal);
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
        => GuestFileSystems.From(new JsonArray(Mount(target, type, source, options)));

    private static JsonNode Mount(string target, string type, string source, params string[] options) => new JsonObject
    {
        ["destination"] = target,
        ["type"] = type,
        ["source"] = source,
        ["options"] = new JsonArray([.. options.Select(static option => (JsonNode)option)]),
    };
}
