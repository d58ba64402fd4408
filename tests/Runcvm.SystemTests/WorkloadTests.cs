using System.Text;

namespace Runcvm.SystemTests;

public class WorkloadTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task The_kernel_is_not_the_hosts()
    {
        OnlyMachines();
        string host = (await Command.RunAsync("uname", ["-r"])).Text;
        Assert.NotEqual(host, (await RunAsync(Busybox, "uname", "-r")).Text);
    }

    [Proves("--user", "--group-add", "--workdir", "--hostname", "--add-host", "--dns", "--ulimit", "--sysctl", "--shm-size", "--tmpfs", "--read-only",
        "--cap-drop", "--security-opt")]
    [Theory]
    [InlineData("id -u; id -g", "1000\n1000", "--user", "1000:1000")]
    [InlineData("id -u; id -G", "1000\n1000 50", "--user", "app")]
    [InlineData("id -G | tr ' ' '\\n' | sort -n | xargs", "0 7 50", "--group-add", "staff", "--group-add", "7")]
    [InlineData("pwd", "/var", "--workdir", "/var")]
    [InlineData("pwd", "/made/on/the/way", "-w", "/made/on/the/way")]
    [InlineData("hostname; cat /etc/hostname", "kitchen\nkitchen", "--hostname", "kitchen")]
    [InlineData("grep -c '10.1.2.3.*larder' /etc/hosts", "1", "--add-host", "larder:10.1.2.3")]
    [InlineData("grep nameserver /etc/resolv.conf", "nameserver 10.9.8.7", "--dns", "10.9.8.7")]
    [InlineData("ulimit -n; ulimit -Hn", "100\n200", "--ulimit", "nofile=100:200")]
    [InlineData("cat /proc/sys/net/ipv4/ip_default_ttl", "33", "--sysctl", "net.ipv4.ip_default_ttl=33")]
    [InlineData("cat /proc/sys/net/ipv4/ip_local_reserved_ports", "8080,61440-65535", "--sysctl", "net.ipv4.ip_local_reserved_ports=8080")]
    [InlineData("stat -c %a /root /var/empty", "755\n1777", "--tmpfs", "/root", "--tmpfs", "/var/empty")]
    [InlineData("ls -d /tmp", "/tmp", "--user", "1000", "-e", "PATH=/root/secret:/usr/bin:/bin")]
    [InlineData("stat -c %U:%a /dev/null", "root:666", "--user", "1000")]
    [InlineData("ulimit -n", "2000000", "--ulimit", "nofile=2000000:2000000")]
    [InlineData("df -k /dev/shm | tail -1 | awk '{print $2}'", "20480", "--shm-size", "20m")]
    [InlineData("df -k /scratch | tail -1 | awk '{print $1, $2}'", "tmpfs 10240", "--tmpfs", "/scratch:size=10m")]
    [InlineData("touch /file 2>&1; touch /tmp/file && echo tmp", "touch: /file: Read-only file system\ntmp", "--read-only", "--tmpfs", "/tmp")]
    [InlineData("chown 7 /tmp 2>&1", "chown: /tmp: Operation not permitted", "--cap-drop", "CHOWN")]
    [InlineData("grep CapBnd /proc/self/status", "CapBnd:\t00000000800405fb", "--cap-drop", "MKNOD", "--cap-drop", "NET_RAW", "--cap-drop", "AUDIT_WRITE")]
    [InlineData("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1", "--security-opt", "no-new-privileges")]
    [InlineData("umask", "0022")]
    [InlineData("echo $HOME", "/home/app", "--user", "app")]
    [InlineData("printf '%s\\n' \"$TEXT\" | od -An -c | tr -s ' '", " o n e \\n t w o = ' \" $ \\n \\n", "--env", "TEXT=one\ntwo='\"$\n")]
    [InlineData("echo $$", "1")]
    [InlineData("readlink /proc/self/fd/0", "/dev/null")]
    public async Task The_flags_of_docker_run_mean_what_they_mean_to_runc(string script, string expected, params string[] flags)
        => Assert.Equal(expected, (await Docker.RunAsync(["run", "--rm", .. RuntimeArguments, .. flags, Busybox, "sh", "-c", $"{script}; true"])).Text);

    [Fact]
    public async Task The_workload_sees_no_option_of_ours()
    {
        OnlyMachines();
        Assert.DoesNotContain("RUNCVM", (await RunAsync("-e", "RUNCVM_CPUS=1", Busybox, "env")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_workload_sees_only_its_own_processes()
        => Assert.Equal("/proc/1", (await RunAsync(Busybox, "sh", "-c", "echo /proc/[0-9]*")).Text);

    [Fact]
    public async Task The_machine_has_the_memory_and_processors_asked_for()
    {
        OnlyMachines();
        CommandResult result = await RunAsync("-m", "300m", "--cpus", "1", Busybox, "sh", "-c", "nproc; awk '/MemTotal/{print $2}' /proc/meminfo");
        Assert.Equal("1", result.Lines[0]);
        Assert.InRange(long.Parse(result.Lines[1], System.Globalization.CultureInfo.InvariantCulture), 200_000, 307_200);
    }

    [Fact]
    public async Task A_shell_may_come_before_the_workload_and_what_it_does_is_there_afterwards()
    {
        OnlyMachines();
        byte[] typed = Encoding.ASCII.GetBytes("echo $$ is not 1; echo brought >/made; exit 3\n");
        CommandResult result = await Docker.InputAsync(
            typed, null, ["run", "-i", "--rm", .. RuntimeArguments, "-e", "RUNCVM_BREAK=preinit", Busybox, "sh", "-c", "cat /made; echo $$; exit 5"]);
        Assert.Matches("^[0-9]+ is not 1\nbrought\n1$", result.Stdout.TrimEnd());
        Assert.Contains("RUNCVM_BREAK=preinit", result.Stderr, StringComparison.Ordinal);
        Assert.Equal(5, result.ExitCode);
    }

    [Fact]
    public async Task A_name_that_holds_pause_changes_nothing()
    {
        string name = await StartNamedAsync(NewName("pause"), Busybox, "sleep", "1000");
        Assert.Equal("1", (await ExecAsync(name, "sh", "-c", "grep -l sleep /proc/1/comm | wc -l")).Text);
        if (!DockerEngine.RunsMachines) return;
        string host = (await Command.RunAsync("uname", ["-r"])).Text;
        Assert.NotEqual(host, (await ExecAsync(name, "uname", "-r")).Text);
    }

    [Fact]
    public async Task Full_root_in_the_machine_needs_no_privileged_flag()
    {
        OnlyMachines();
        (await RunAsync(Busybox, "sh", "-c", "mount -t tmpfs none /mnt 2>/dev/null || { mkdir /mnt; mount -t tmpfs none /mnt; }")).Succeeded();
    }

    [Fact]
    public async Task Devices_that_the_kernel_has_modules_for_are_there_and_load_them_when_they_are_opened()
    {
        OnlyMachines();
        const string Script = "losetup -f && ls -l /dev/net/tun /dev/fuse && : <>/dev/net/tun && ls -d /sys/module/tun";
        CommandResult result = await RunAsync(Busybox, "sh", "-c", Script);
        Assert.Matches(@"\A/dev/loop0\n(crw-rw-rw-.*\n){2}/sys/module/tun\n\z", result.Succeeded().Stdout);
    }

    [Fact]
    [Proves("--device")]
    public async Task Devices_that_every_kernel_has_may_be_named()
    {
        OnlyMachines();
        string[] devices = ["/dev/null", "/dev/kmsg", "/dev/net/tun", "/dev/tty"];
        IEnumerable<string> flags = devices.SelectMany(static device => (string[])["--device", device]);
        CommandResult result = await RunAsync([.. flags, Busybox, "ls", .. devices]);
        Assert.Equal(devices.Order(StringComparer.Ordinal), result.Lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_servers_ask_of_a_kernel_is_not_that_of_a_small_machine()
    {
        OnlyMachines();
        const string Script = "cd /proc/sys; cat vm/max_map_count fs/inotify/max_user_watches "
            + "fs/inotify/max_user_instances kernel/threads-max";
        long[] values = [.. (await RunAsync("-m", "256m", Busybox, "sh", "-c", Script)).Lines.Select(long.Parse)];
        Assert.True(values is [>= 1_048_576, >= 524_288, >= 8192, >= 32_768], string.Join(' ', values));
    }

    [Fact]
    public async Task Programs_that_the_kernel_starts_are_the_images()
    {
        OnlyMachines();
        const string Script = """
            printf '#!/bin/sh\ncat >/var/core; cat /etc/hostname /proc/$1/status >/var/told\n' >/bin/take
            echo 'mv /var/told /var/who' >>/bin/take
            chmod +x /bin/take
            echo '|/bin/take %P' >/proc/sys/kernel/core_pattern
            echo 1 >/proc/sys/kernel/core_pipe_limit
            cat /proc/sys/kernel/modprobe
            ulimit -c unlimited
            until [ -f /var/who ]; do sleep 1000 & kill -SEGV $!; wait $!; done
            grep -E "kitchen|CoreDumping" /var/who; head -c 4 /var/core | tail -c 3
            """;
        Assert.Equal("/sbin/modprobe\nkitchen\nCoreDumping:\t1\nELF",
            (await RunAsync("--hostname", "kitchen", Busybox, "sh", "-c", Script)).Text);
    }

    [Fact]
    public async Task A_machine_that_shares_the_hosts_name_has_it()
        => Assert.Equal(
            (await Engine.BesideAsync("hostname")).Text, (await RunAsync("--uts=host", Busybox, "hostname")).Text);
}
