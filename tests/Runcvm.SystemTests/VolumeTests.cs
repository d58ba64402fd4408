namespace Runcvm.SystemTests;

/// <summary>Volumes and bind mounts: what holds under runc holds in a machine.</summary>
[Proves("--volume", "--mount")]
public class VolumeTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task A_folder_is_live_in_both_directions()
    {
        using var folder = new TemporaryFolder();
        string name = await StartAsync("-v", $"{folder.Path}:/data", Busybox, "sleep", "1000");
        (await ExecAsync(name, "sh", "-c", "echo from inside > /data/a; mkdir /data/deep; echo x > /data/deep/b")).Succeeded();
        Assert.Equal("from inside\n", Read(folder, "a"));
        Write(folder, "c", "from outside");
        Assert.Equal("from outside", (await ExecAsync(name, "cat", "/data/c")).Text);
        Write(folder, "a", "changed outside");
        await Eventually.TrueAsync(async () => (await ExecAsync(name, "cat", "/data/a")).Text == "changed outside", "the change of the host");
        File.Delete(Path.Combine(folder.Path, "deep/b"));
        await Eventually.TrueAsync(async () => (await ExecAsync(name, "ls", "/data/deep")).Text == "", "the removal on the host");
        (await ExecAsync(name, "rm", "-r", "/data/deep")).Succeeded();
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "deep")));
    }

    [Fact]
    public async Task Without_a_cache_a_change_is_seen_at_once()
    {
        OnlyMachines();
        using var folder = new TemporaryFolder();
        Write(folder, "file", "0");
        string name = await StartAsync("-e", "RUNCVM_SHARE_CACHE=none", "-v", $"{folder.Path}:/data", Busybox, "sleep", "1000");
        for (int i = 1; i < 5; i++)
        {
            Write(folder, "file", new string('x', i));
            Assert.Equal(new string('x', i), (await ExecAsync(name, "cat", "/data/file")).Text);
        }
    }

    [Fact]
    public async Task Read_only_is_read_only()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "file", "kept");
        CommandResult result = await RunAsync("-v", $"{folder.Path}:/data:ro", Busybox, "sh", "-c", "cat /data/file; echo x > /data/file; rm /data/file; mkdir /data/new");
        Assert.StartsWith("kept", result.Stdout, StringComparison.Ordinal);
        Assert.Equal(3, result.Stderr.Split("Read-only file system").Length - 1);
        Assert.Equal("kept", Read(folder, "file"));
    }

    // GNU's cp has the kernel copy (copy_file_range), which busybox's does not.
    [Fact]
    public async Task A_file_of_a_folder_for_reading_only_is_copied_into_the_root_and_into_a_volume()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "file", "content");
        CommandResult result = await RunAsync(
            "-v", $"{folder.Path}:/data:ro", "-v", $"{NewVolume()}:/volume", await Engine.Images.DebianAsync(), "sh", "-ec", "cp /data/file /copy; cp /data/file /volume/copy; cat /copy /volume/copy");
        Assert.Equal("contentcontent", result.Text);
    }

    [Fact]
    public async Task A_single_file_can_be_mounted_over_one_of_the_image_and_where_none_was()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "file", "mine");
        Write(folder, "other", "");
        CommandResult result = await RunAsync(
            "-v", $"{folder.Path}/file:/etc/passwd:ro", "-v", $"{folder.Path}/other:/new/deep/file", Busybox,
            "sh", "-c", "cat /etc/passwd; echo changed > /new/deep/file; cat /new/deep/file; ls -A /new/deep");
        Assert.Equal("minechanged\nfile", result.Text);
        Assert.Equal("changed\n", Read(folder, "other"));
    }

    [Fact]
    public async Task Mounts_below_mounts_are_made_in_order()
    {
        using var outer = new TemporaryFolder();
        using var inner = new TemporaryFolder();
        string volume = NewVolume();
        Write(inner, "file", "inner");
        CommandResult result = await RunAsync(
            "-v", $"{outer.Path}:/a", "-v", $"{inner.Path}:/a/b", "--tmpfs", "/a/c:size=1m", "-v", $"{volume}:/a/c/d", Busybox,
            "sh", "-c", "cat /a/b/file; echo 1 > /a/one; echo 2 > /a/b/two; echo 3 > /a/c/three; echo 4 > /a/c/d/four; df /a/c | tail -1 | awk '{print \" \" $2}'");
        Assert.Equal("inner 1024", result.Text);
        Assert.Equal(["b", "c", "one"], Names(outer));
        Assert.Equal(["file", "two"], Names(inner));
        Assert.Equal("4", (await RunAsync("-v", $"{volume}:/v", Busybox, "cat", "/v/four")).Text);
    }

    [Fact]
    public async Task A_new_named_volume_gets_what_the_image_has_there()
    {
        string volume = NewVolume();
        const string Look = "cd /etc; stat -c '%n %u %g %a %Y' passwd group; cat passwd";
        string expected = (await RunAsync(Busybox, "sh", "-c", Look)).Text;
        Assert.Equal(expected, (await RunAsync("-v", $"{volume}:/etc", Busybox, "sh", "-c", Look + "; echo mine > mine")).Text);
        Assert.Equal("mine", (await RunAsync("--mount", $"type=volume,source={volume},target=/etc", Busybox, "cat", "/etc/mine")).Text);
    }

    [Fact]
    public async Task A_volume_of_the_image_is_there_and_outlives_a_restart()
    {
        string image = await ImageAsync("FROM {0}\nRUN mkdir /data && echo prefilled > /data/file && chown -R app /data\nVOLUME /data\n");
        string name = await StartAsync("--user", "app", image, "sh", "-c", "cat /data/file; echo more >> /data/file; sleep 1000");
        await LoggedAsync(name, "prefilled");
        (await Docker.RunAsync("restart", "--time", "1", name)).Succeeded();
        await LoggedAsync(name, "prefilled\nprefilled\nmore");
    }

    [Fact]
    public async Task An_engines_data_in_a_volume_of_the_image_is_on_a_disk_and_outlives_a_restart()
    {
        OnlyMachines();
        string image = await ImageAsync("FROM {0}\nRUN mkdir -p /var/lib/docker && echo prefilled > /var/lib/docker/file\nVOLUME /var/lib/docker\n");
        string name = await StartAsync("-e", "RUNCVM_LOG_LEVEL=INFO", image, "sh", "-c", "stat -f -c %T /var/lib/docker; cat /var/lib/docker/file; echo more >> /var/lib/docker/file; sleep 1000");
        await LoggedAsync(name, "ext2/ext3\nprefilled");
        Assert.Contains("/var/lib/docker is on the machine's own disk", (await Docker.RunAsync("logs", name)).Stderr, StringComparison.Ordinal);
        (await Docker.RunAsync("restart", "--time", "1", name)).Succeeded();
        await LoggedAsync(name, "ext2/ext3\nprefilled\next2/ext3\nprefilled\nmore");
    }

    [Fact]
    public async Task A_disk_in_a_backing_file_is_filled_once_grows_and_belongs_to_one_machine()
    {
        OnlyMachines();
        string image = await ImageAsync("FROM {0}\nRUN mkdir -p /filled/deep && echo prefilled > /filled/file && chown -R app /filled\n");
        string volume = NewVolume();
        const string Look = "stat -f -c %T /filled; stat -c %U /filled /filled/deep; cat /filled/file; ls -A /filled; ls -d /disks; df -m /filled | tail -1 | awk '{print ($2 > 200)}'";
        CommandResult first = await RunAsync("-v", $"{volume}:/disks", "-e", "RUNCVM_DISKS=/disks/a,/filled,ext4,64M", image, "sh", "-c", Look + "; echo more >> /filled/file");
        Assert.Equal("ext2/ext3\napp\napp\nprefilled\ndeep\nfile\n0", first.Stdout.TrimEnd());
        string[] larger = ["-v", $"{volume}:/disks", "-e", "RUNCVM_DISKS=/disks/a,/filled,ext4,256M", image, "sh", "-c", Look + "; echo ready; sleep 1000"];
        string name = await StartAsync(larger);
        await LoggedAsync(name, "ext2/ext3\napp\napp\nprefilled\nmore\ndeep\nfile\n1\nready");
        (await RunAsync(larger)).Refused("/disks/a", "in use by another machine");
        (await Docker.RunAsync("restart", "--time", "1", name)).Succeeded();
        await LoggedAsync(name, "1\nready\next2/ext3\napp\napp\nprefilled\nmore");
    }

    [Theory]
    [InlineData("xfs", "300M", "600M")]
    [InlineData("btrfs", "256M", "600M")]
    public async Task A_disk_has_the_file_system_that_was_asked_for_and_survives_the_kill_of_the_machine(string system, string size, string larger)
    {
        OnlyMachines();
        string image = await ImageAsync("FROM {0}\nRUN mkdir -p /filled && echo prefilled > /filled/file\n");
        string[] volume = ["-v", $"{NewVolume()}:/disks"];
        // Two of a kind in one machine: they must not take each other for the same.
        string[] disks = [.. volume, "-e", $"RUNCVM_DISKS=/disks/a,/filled,{system},{size};/disks/b,/other,{system},{size}"];
        string name = await StartAsync([.. disks, image, "sh", "-c", "df -T /filled /other | awk 'NR>1 {print $2}'; echo more >> /filled/file; sync; dd if=/dev/zero of=/other/unsynced bs=1M count=20 2>/dev/null; echo ready; sleep 1000"]);
        await LoggedAsync(name, $"{system}\n{system}\nready");
        (await Docker.RunAsync("kill", name)).Succeeded();
        (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        string[] grown = [.. volume, "-e", $"RUNCVM_DISKS=/disks/a,/filled,{system},{larger}", image];
        int least = int.Parse(larger[..^1], System.Globalization.CultureInfo.InvariantCulture) * 8 / 10;
        CommandResult result = await RunAsync([.. grown, "sh", "-c", $"cat /filled/file; df -m /filled | awk 'NR==2 {{print ($2 > {least})}}'"]);
        Assert.Equal("prefilled\nmore\n1", result.Text);
        (await RunAsync([.. volume, "-e", "RUNCVM_DISKS=/disks/a,/filled,ext4", image, "true"])).Refused("/disks/a", "holds no ext4");
    }

    [Fact]
    public async Task A_machine_has_as_many_disks_as_its_hypervisor_has_places_for()
    {
        OnlyMachines();
        bool isFirecracker = DockerEngine.Hypervisor == "firecracker";
        string volume = NewVolume();
        static string Disks(int count) => "RUNCVM_DISKS=" + string.Join(';', Enumerable.Range(0, count).Select(static i => $"/disks/{i},/disk{i},ext4,64M"));
        if (isFirecracker)
        {
            (await RunAsync("-v", $"{volume}:/disks", "-e", Disks(16), Busybox, "true")).Refused("has room for", "RUNCVM_DISKS");
            Assert.Equal("0", (await RunAsync("-v", $"{volume}:/v", Busybox, "sh", "-c", "ls /v | wc -l")).Text);
        }

        int most = isFirecracker ? 9 : 16;
        Assert.Equal($"{most}", (await RunAsync("-v", $"{volume}:/disks", "-e", Disks(most), Busybox, "sh", "-c", "grep -c '/disk[0-9]* ext4' /proc/mounts")).Text);
    }

    [Fact]
    public async Task A_disk_without_a_volume_takes_the_place_of_an_anonymous_one_and_goes_with_the_container()
    {
        OnlyMachines();
        string image = await ImageAsync("FROM {0}\nRUN mkdir /data && echo prefilled > /data/file\nVOLUME /data\n");
        string name = await StartAsync("-e", "RUNCVM_DISKS=/disks/a,/data,ext4,64M", image, "sh", "-c", "stat -f -c %T /data; cat /data/file; echo more >> /data/file; sleep 1000");
        await LoggedAsync(name, "ext2/ext3\nprefilled");
        (await Docker.RunAsync("restart", "--time", "1", name)).Succeeded();
        await LoggedAsync(name, "ext2/ext3\nprefilled\next2/ext3\nprefilled\nmore");
    }

    [Fact]
    public async Task Owners_modes_times_and_links_are_the_hosts_own()
    {
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0x1FF);
        const string Script = "umask 027; cd /data; echo x > f; ln f hard; ln -s f soft; mkfifo p; mkdir d; chmod 1750 d; chmod 4755 f; touch -d 2001-02-03 f; stat -c '%n %u %g %a %h %F' *; stat -c %Y f";
        string inside = (await RunAsync("--user", "1000:50", "-v", $"{folder.Path}:/data", Busybox, "sh", "-c", Script)).Text;
        CommandResult outside = await Command.RunAsync("sh", ["-c", $"cd {folder.Path}; stat -c '%n %u %g %a %h %F' *; TZ=UTC stat -c %Y f"]);
        Assert.Equal(outside.Text, inside);
        Assert.Contains("d 1000 50 1750 2 directory", inside, StringComparison.Ordinal);
        Assert.Contains("f 1000 50 4755 2 regular file", inside, StringComparison.Ordinal);
        CommandResult root = await RunAsync("-v", $"{folder.Path}:/data", Busybox, "sh", "-c", "cd /data; chown 7:8 f; mknod n c 1 3; head -c 1 n; stat -c '%u %g %a' hard; stat -c %F n");
        Assert.Equal("7 8 755\ncharacter special file", root.Text);
    }

    [Fact]
    public async Task Another_user_may_do_what_owner_and_mode_say()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "secret", "x");
        File.SetUnixFileMode(Path.Combine(folder.Path, "secret"), UnixFileMode.UserRead);
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0x1ED);
        CommandResult result = await RunAsync("--user", "1000", "-v", $"{folder.Path}:/data", Busybox, "sh", "-c", "cat /data/secret; echo x > /data/new");
        Assert.Equal(2, result.Stderr.Split("Permission denied").Length - 1);
    }

    [Theory]
    [InlineData("--cap-drop", "ALL")]
    [InlineData("--cap-drop", "ALL", "--user", "1000:50")]
    [InlineData("--cap-drop", "ALL", "--user", "1000:50", "--group-add", "77", "--security-opt", "no-new-privileges")]
    [InlineData("--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID")]
    [InlineData("--cap-drop", "DAC_OVERRIDE", "--user", "1000")]
    public async Task Without_capabilities_a_volume_and_the_root_are_what_they_are_under_runc(params string[] flags)
    {
        const string Script = """
            umask 027; cd /data; id; cat open; cat secret; cat theirs; cat groups; echo more >>groups; echo x >>open
            echo x >f; echo y >>f; cat f; ln f hard; ln -s f soft; mkfifo p; mkdir d; chmod 700 d; echo z >d/in; cat d/in
            chmod 750 f; touch -d 2001-02-03 f; chown 7 f; mknod n c 1 3; mv f g; rm hard; stat -c '%n %u %g %a %h %F' *
            echo x >/tmp/f; stat -c '%u %g' /tmp/f; mkdir /tmp/d; chmod 700 /tmp/d; echo x >/tmp/d/f; cat /tmp/d/f; echo x >/new; rm -rf d g soft p
            su app -c 'id -u; echo x >/tmp/s; stat -c %u /tmp/s'; chmod 600 open; true
            """;
        CommandResult[] results = [await UnderAsync("runc"), await UnderAsync(null)];
        Assert.Equal(results[0].Text, results[1].Text);
        Assert.Equal(results[0].Stderr, results[1].Stderr);

        async Task<CommandResult> UnderAsync(string? runtime)
        {
            using var folder = new TemporaryFolder();
            foreach (string name in (string[])["open", "secret", "theirs", "groups"]) Write(folder, name, name);
            await Command.RunAsync("sh", ["-c", $"cd {folder.Path}; chmod 777 .; chmod 644 open; chmod 600 secret theirs; chown 2000:2000 theirs; chown 0:77 groups; chmod 660 groups"]);
            return await Docker.RunAsync(
                ["run", "--rm", .. runtime == null ? RuntimeArguments : ["--runtime", runtime], .. flags, "-v", $"{folder.Path}:/data", Busybox, "sh", "-c", Script]);
        }
    }

    [Fact]
    public async Task Without_capabilities_a_volume_comes_where_the_workload_may_make_no_folder()
    {
        const string Script =
            "echo x >/home/app/data/f; stat -c %u /home/app/data/f; touch /home/app/f 2>/dev/null || echo no";
        Assert.Equal("0\nno",
            (await RunAsync("--cap-drop", "ALL", "-w", "/home/app", "-v", "/home/app/data", Busybox, "sh", "-c",
                Script)).Text);
    }

    [Theory]
    [InlineData("000000009800001b")]
    [InlineData("0000000000000000", "--cap-drop", "ALL", "--user", "1000")]
    [InlineData("0000000000000001", "--cap-drop", "ALL", "--cap-add", "CHOWN", "--cap-add", "NET_ADMIN")]
    public async Task The_file_server_has_the_shares_and_nothing_else(string capabilities, params string[] flags)
    {
        OnlyMachines();
        using var folder = new TemporaryFolder();
        string name = NewName();
        await Docker.RunAsync(["run", "-d", "--name", name, .. RuntimeArguments, .. flags, "-v", $"{folder.Path}:/data", Busybox, "sleep", "1000"]);
        await Eventually.TrueAsync(async () => (await Docker.RunAsync("exec", name, "true")).ExitCode == 0, "the machine runs");
        string supervisor = await Docker.InspectAsync(name, "{{.State.Pid}}");
        string script = $$"""
            server=$(pgrep -f -P {{supervisor}} serve-shares)
            cat /proc/$server/task/*/status | grep -E 'CapPrm|CapEff|CapBnd|NoNewPrivs' | sort -u
            ls /proc/$server/root | grep -v '^[0-9]*$'
            ls /proc/$server/root/proc | grep -v '^[0-9]*$'
            for kind in mnt net ipc pid uts; do [ $(readlink /proc/$server/ns/$kind) = $(readlink /proc/{{supervisor}}/ns/$kind) ] && echo shared $kind; done
            true
            """;
        string seen = (await Engine.BesideAsync("sh", "-c", script)).Text;
        Assert.Equal($"CapBnd:\t0000000000000000\nCapEff:\t{capabilities}\nCapPrm:\t{capabilities}\nNoNewPrivs:\t1\nproc\nself\nthread-self", seen);
    }

    [Fact]
    public async Task Sockets_work_inside_the_machine_and_one_of_the_host_is_refused()
    {
        using var folder = new TemporaryFolder();
        string socket = Path.Combine(folder.Path, "host.sock");
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(socket));
        listener.Listen();
        string debian = await Engine.Images.DebianAsync();
        const string Script = """
            import socket
            server = socket.socket(socket.AF_UNIX); server.bind('/data/own.sock'); server.listen()
            client = socket.socket(socket.AF_UNIX); client.connect('/data/own.sock'); print('own')
            try: socket.socket(socket.AF_UNIX).connect('/data/host.sock'); print('host')
            except ConnectionRefusedError: print('refused')
            """;
        CommandResult result = await RunAsync("-v", $"{folder.Path}:/data", debian, "python3", "-c", Script);
        Assert.Equal(DockerEngine.RunsMachines ? "own\nrefused" : "own\nhost", result.Text);
        OnlyMachines();
        (await RunAsync("-v", $"{socket}:/run/docker.sock", Busybox, "true")).Refused(socket, "socket", "/run/docker.sock", "RUNCVM_SHARE_SOCKETS");
    }

    [Fact]
    public async Task Sockets_of_the_host_are_forwarded_where_that_is_asked_for()
    {
        OnlyMachines();
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "host.sock");
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));
        listener.Listen(10);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Task serving = AnswerWithLengthsAsync(listener);
        // More at once than are forwarded at once; each waits for the end of what it is sent before it answers.
        const string Script = """
            import socket, subprocess, sys
            def ask(data):
                s = socket.socket(socket.AF_UNIX); s.connect('/run/host.sock'); s.sendall(data); s.shutdown(socket.SHUT_WR); return s
            def answer(s):
                got = b''
                while more := s.recv(65536): got += more
                return got.decode()
            print(answer(ask(bytes(3_000_000))))
            print(sum(int(answer(s)) for s in [ask(bytes(i)) for i in range(300)]))
            print(subprocess.run(['curl', '-s', '--unix-socket', '/var/run/docker.sock', 'http://docker/_ping'], capture_output=True, text=True).stdout)
            print(subprocess.run(['su', 'app', '-c', 'curl -s --unix-socket /run/host.sock http://x/'], capture_output=True).returncode, flush=True)
            sys.stdin.readline()
            s = socket.socket(socket.AF_UNIX); s.connect('/run/host.sock'); print(answer(s) == '')
            """;
        using System.Diagnostics.Process machine = Docker.Start(
            ["run", "--rm", "-i", .. RuntimeArguments, "-e", "RUNCVM_SHARE_SOCKETS=1", "-e", "RUNCVM_LOG_LEVEL=INFO", "-v", $"{path}:/run/host.sock",
                "-v", $"{Path.Combine(Path.GetDirectoryName(Engine.DataRoot)!, "docker.sock")}:/var/run/docker.sock:ro", await Engine.Images.DebianAsync(), "python3", "-c", Script]);
        Task<string> errors = machine.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var lines = new List<string?>();
        while (lines.Count < 4) lines.Add(await machine.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience.Times(TimeSpan.FromSeconds(60)), TestContext.Current.CancellationToken));
        listener.Close();
        await machine.StandardInput.WriteLineAsync();
        lines.Add((await machine.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).TrimEnd());
        // 7: curl could not connect.
        Assert.Equal(["3000000", $"{300 * 299 / 2}", "OK", "7", "True"], lines);
        Assert.Contains($"the host's socket {path} cannot be connected to: Connection refused", await errors, StringComparison.Ordinal);
        await serving;
    }

    private static async Task AnswerWithLengthsAsync(System.Net.Sockets.Socket listener)
    {
        var answers = new List<Task>();
        try
        {
            while (true) answers.Add(AnswerAsync(await listener.AcceptAsync()));
        }
        catch (System.Net.Sockets.SocketException)
        {
            // Closed.
        }

        await Task.WhenAll(answers);

        static async Task AnswerAsync(System.Net.Sockets.Socket connection)
        {
            await using var stream = new System.Net.Sockets.NetworkStream(connection, ownsSocket: true);
            var received = new MemoryStream();
            await stream.CopyToAsync(received);
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{received.Length}"));
        }
    }

    [Fact]
    public async Task Large_files_arrive_whole_and_a_file_that_was_removed_stays_usable_while_it_is_open()
    {
        using var folder = new TemporaryFolder();
        byte[] content = new byte[20_000_000];
        Random.Shared.NextBytes(content);
        await File.WriteAllBytesAsync(Path.Combine(folder.Path, "in"), content, TestContext.Current.CancellationToken);
        const string Script = "cd /data; dd if=in of=out bs=1M 2>/dev/null; exec 5>gone 6<gone; rm gone; echo still >&5; cat <&6; echo 3 > /proc/sys/vm/drop_caches; sha256sum out";
        CommandResult result = await RunAsync("-v", $"{folder.Path}:/data", "--privileged", Busybox, "sh", "-c", Script);
        Assert.Equal($"still\n{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content))}  out", result.Text);
        Assert.True(File.ReadAllBytes(Path.Combine(folder.Path, "out")).AsSpan().SequenceEqual(content));
        Assert.Equal(["in", "out"], Names(folder));
    }

    [Fact]
    public async Task A_killed_machine_leaves_what_it_had_written_and_nothing_mounted()
    {
        using var folder = new TemporaryFolder();
        string name = await StartAsync("-v", $"{folder.Path}:/data", Busybox, "sh", "-c", "echo written > /data/file; echo ready; sleep 1000");
        await LoggedAsync(name, "ready");
        (await Docker.RunAsync("kill", name)).Succeeded();
        Assert.Equal("written\n", Read(folder, "file"));
        Assert.DoesNotContain("runcvm-mounts", (await Engine.BesideAsync("cat", "/proc/mounts")).Text, StringComparison.Ordinal);
        (await Docker.RunAsync("start", name)).Succeeded();
        await LoggedAsync(name, "ready\nready");
    }

    [Fact]
    public async Task What_belongs_to_the_kernel_is_the_machines_own()
    {
        OnlyMachines();
        CommandResult result = await RunAsync(
            "-e", "RUNCVM_LOG_LEVEL=INFO", "-v", "/lib/modules:/lib/modules:ro", "-v", "/dev/null:/etc/unwanted", Busybox,
            "sh", "-c", "ls /lib/modules | grep -cx $(uname -r); echo x > /etc/unwanted; cat /etc/unwanted");
        Assert.Equal("1", result.Text);
        Assert.Contains("/lib/modules is that of the machine's own kernel", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shared_root_is_what_docker_cp_diff_and_commit_see_while_the_machine_runs()
    {
        OnlyMachines();
        string name = await StartAsync("-e", "RUNCVM_ROOTFS=share", Busybox, "sh", "-c", "echo inside > /made; rm /etc/group; echo ready; exec sleep 1000");
        await LoggedAsync(name, "ready");
        using var folder = new TemporaryFolder();
        (await Docker.RunAsync("cp", $"{name}:/made", folder.Path)).Succeeded();
        Assert.Equal("inside\n", Read(folder, "made"));
        string[] changes = (await Docker.RunAsync("diff", name)).Lines;
        Assert.Contains("A /made", changes);
        Assert.Contains("D /etc/group", changes);
        Write(folder, "put", "outside");
        (await Docker.RunAsync("cp", Path.Combine(folder.Path, "put"), $"{name}:/put")).Succeeded();
        Assert.Equal("outside", (await ExecAsync(name, "cat", "/put")).Text);
        // By which systemd would take the machine for a container.
        Assert.DoesNotContain(".dockerenv", (await ExecAsync(name, "ls", "-a", "/")).Succeeded().Text, StringComparison.Ordinal);
        (await ExecAsync(name, "test", "-e", "/.dockerenv")).Ended(1);
        (await Docker.RunAsync("commit", name, "runcvm-test/committed")).Succeeded();
        Assert.Equal("inside", (await RunAsync("runcvm-test/committed", "cat", "/made")).Text);
        (await Docker.RunAsync("kill", name)).Succeeded();
        (await Docker.RunAsync("start", name)).Succeeded();
        await LoggedAsync(name, "ready\nready");
        Assert.Equal("outside", (await ExecAsync(name, "cat", "/put")).Text);
    }

    private static int VolumeCount;

    // They go with the engine's folder.
    private static string NewVolume() => $"volume-{Interlocked.Increment(ref VolumeCount)}";

    private async Task<string> ImageAsync(string dockerfile)
    {
        const string Tag = "runcvm-test/volume";
        byte[] text = System.Text.Encoding.UTF8.GetBytes(string.Format(System.Globalization.CultureInfo.InvariantCulture, dockerfile, Busybox));
        (await Docker.InputAsync(text, null, "build", "-q", "-t", Tag, "-")).Succeeded();
        return Tag;
    }

    private static void Write(TemporaryFolder folder, string name, string text) => File.WriteAllText(Path.Combine(folder.Path, name), text);

    private static string Read(TemporaryFolder folder, string name) => File.ReadAllText(Path.Combine(folder.Path, name));

    private static string[] Names(TemporaryFolder folder)
        => [.. Directory.GetFileSystemEntries(folder.Path).Select(static path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
