using Runcvm.HostFiles;
using Runcvm.Machines;
using Runcvm.Operating;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Operating;

public sealed class KnownMachineTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("runcvm-machines-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_machine_is_found_by_as_much_of_its_id_as_is_its_own()
    {
        Make("abcdef");
        Make("abxyz");
        Assert.Equal("abcdef", KnownMachine.Find("abc", _root).Id);
        Assert.Equal("abxyz", KnownMachine.Find("abxyz", _root).Id);
        Assert.Contains("2 machines begin with 'ab'", Assert.Throws<UsageException>(() => KnownMachine.Find("ab", _root)).Message, StringComparison.Ordinal);
        Assert.Contains("no machine is called 'q'", Assert.Throws<UsageException>(() => KnownMachine.Find("q", _root)).Message, StringComparison.Ordinal);
        Assert.Contains("no machine is called ''", Assert.Throws<UsageException>(() => KnownMachine.Find("", _root)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_that_was_made_and_does_not_run_says_what_it_will_be()
    {
        Make("abcdef");
        KnownMachine machine = Assert.Single(KnownMachine.All(_root));
        Assert.Equal(("created", "qemu", "tcg", "debian/6.1", 2), (machine.Status, machine.Hypervisor, machine.Acceleration, machine.Kernel, machine.Description.Hardware.Cpus));
    }

    [Fact]
    public void What_a_sandbox_may_have_put_in_the_place_of_a_file_is_not_read()
    {
        string outside = Path.Combine(_root, "secret");
        File.WriteAllText(outside, "secret");
        string folder = Directory.CreateDirectory(Path.Combine(_root, "m")).FullName;
        string link = Path.Combine(folder, "link");
        File.CreateSymbolicLink(link, outside);
        Assert.Null(MachineFolder.TryRead(link));
        using (FileStream large = File.Create(Path.Combine(folder, "large"))) large.SetLength(1L << 30);
        Assert.Null(MachineFolder.TryRead(Path.Combine(folder, "large")));
        Assert.Null(MachineFolder.TryRead("/dev/zero"));
        Assert.Null(MachineFolder.TryRead(folder));
        Assert.Equal("secret"u8.ToArray(), MachineFolder.TryRead(outside));
        File.CreateSymbolicLink(Path.Combine(folder, "machine.bin"), outside);
        Assert.Empty(KnownMachine.All(_root));
        Assert.Contains("the file cannot be read", Assert.Single(MachineSurvey.Of(_root).Broken).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Machines_of_one_id_below_two_roots_are_told_apart()
    {
        Make("same");
        Make("same@0123456789abcdef");
        Assert.Contains(
            "2 machines have the id same, below different roots; name one by its folder: same, same@0123456789abcdef",
            Assert.Throws<UsageException>(() => KnownMachine.Find("same", _root)).Message, StringComparison.Ordinal);
        Assert.Equal("same@0123456789abcdef", KnownMachine.Find("same@0123456789abcdef", _root).Folder.Key);
        Assert.Equal(["same", "same@0123456789abcdef"],
            KnownMachine.All(_root).Select(static machine => machine.UniqueId));
    }

    [Fact]
    public void Who_holds_a_lock_is_read_from_the_kernels_list()
    {
        IReadOnlyDictionary<LockedFile, int> holders = LockHolders.Parse(
        [
            "1: FLOCK  ADVISORY  WRITE 4711 00:17:1234 0 EOF", "2: POSIX  ADVISORY  WRITE 12 00:17:5 0 EOF",
            "3: FLOCK  ADVISORY  WRITE 0 00:17:6 0 EOF", "1: -> FLOCK  ADVISORY  WRITE 99 00:17:1234 0 EOF", "",
        ]);
        Assert.Equal(KeyValuePair.Create(new LockedFile(0x17, 1234), 4711), Assert.Single(holders));
    }

    [Fact]
    public void The_steps_of_a_start_are_what_lies_between_them()
    {
        BootStep[] supervisor = [new("runtime", 9_000_000), new("kernel", 20_000_000)];
        BootStep[] create = [new(Timeline.Begin, 1_000_000), new("options", 3_500_000)];
        Assert.Equal([("options", 2.5), ("runtime", 5.5), ("kernel", 11.0)], BootSteps.Durations([.. create, .. supervisor]));
    }

    [Fact]
    public void A_guest_that_claims_to_have_booted_before_it_was_started_is_not_believed()
    {
        var timeline = new Timeline();
        timeline.Ended("network");
        BootSteps.AddHello(timeline, new Hello(1, "6.1", uint.MaxValue));
        Assert.All(BootSteps.Durations(timeline.Steps), step => Assert.InRange(step.Milliseconds, 0, 60_000));
    }

    [Fact]
    public void An_engines_answer_is_its_body_and_an_error_is_none()
    {
        Assert.Equal(1, EngineSocket.Body("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"a\":1}"u8.ToArray())!["a"]!.GetValue<int>());
        Assert.Null(EngineSocket.Body("HTTP/1.0 404 Not Found\r\n\r\n{}"u8.ToArray()));
        Assert.Null(EngineSocket.Body("nonsense"u8.ToArray()));
    }

    [Fact]
    public void Network_use_is_that_of_the_containers_interfaces()
    {
        string[] lines =
        [
            "Inter-|   Receive", " face |bytes", "    lo: 5 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0",
            "  eth0:100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0", "  tap0: 200 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0",
        ];
        Assert.Equal(new NetworkUse(100, 200), NetworkUse.Parse(lines));
    }

    [Fact]
    public void The_use_of_a_process_is_read_from_proc()
    {
        ProcessUse own = ProcessUse.TryOf(Environment.ProcessId)!;
        Assert.InRange(own.MemoryBytes, 1 << 20, 1L << 40);
        Assert.True(own.CpuSeconds > 0);
        Assert.Null(ProcessUse.TryOf(int.MaxValue));
    }

    [Fact]
    public void A_hypervisor_counts_whichever_thread_started_it_and_so_do_its_own_children()
    {
        string proc = Path.Combine(_root, "proc");
        void Process(int id, params (int Thread, string Children)[] threads)
        {
            string folder = Directory.CreateDirectory($"{proc}/{id}").FullName;
            File.WriteAllText($"{folder}/stat", $"{id} (a) name) S {string.Join(' ', Enumerable.Range(1, 40))}");
            File.WriteAllText($"{folder}/io", "read_bytes: 1000\nwrite_bytes: 1\n");
            File.WriteAllText($"{folder}/statm", "9 1 2");
            foreach ((int thread, string children) in threads)
                File.WriteAllText(Path.Combine(Directory.CreateDirectory($"{folder}/task/{thread}").FullName, "children"), children);
        }

        Process(10, (10, ""), (11, "20 "));
        Process(20, (20, "30 "), (21, ""));
        Process(30, (30, ""));
        // Has ended between two looks.
        Directory.CreateDirectory($"{proc}/30/task/31");
        File.WriteAllText($"{proc}/uptime", "100.0 1.0");
        ProcessUse use = ProcessUse.TryOf(10, proc)!;
        Assert.Equal((3 * Environment.SystemPageSize, 3000, 3), (use.MemoryBytes, use.ReadBytes, use.WrittenBytes));
    }

    [Fact]
    public void Figures_are_in_the_form_that_Prometheus_reads()
    {
        Make("abcdef");
        string text = Metrics.Text(MachineSurvey.Of(_root));
        Assert.Contains("# TYPE runcvm_machines gauge\nruncvm_machines 0\n", text, StringComparison.Ordinal);
        Assert.Contains("runcvm_machine_info{id=\"abcdef\",name=\"-\",image=\"-\",hypervisor=\"qemu\",acceleration=\"tcg\",kernel=\"debian/6.1\",status=\"created\"} 1\n", text, StringComparison.Ordinal);
        Assert.All(text.TrimEnd('\n').Split('\n'), static line => Assert.Matches("""^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.eE+-]+)$""", line));
        Assert.Equal("a\\\\b\\\"c\\nd", Metrics.Escaped("a\\b\"c\nd"));
    }

    [Theory]
    [InlineData("6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n", "[    5.140900] NET: Registered\n")]
    [InlineData("nonsense", "nonsense\n")]
    [InlineData("6,1,x,-;text\n", "text\n")]
    public void A_kernels_message_looks_as_dmesg_shows_it(string record, string line)
        => Assert.Equal(line, Guest.Talk.KernelMessages.Line(record));

    [Theory]
    [InlineData("6.1.0-13-cloud-amd64", 6, 1)]
    [InlineData("5.4", 5, 4)]
    [InlineData("nonsense", 0, 0)]
    public void A_kernels_release_begins_with_its_version(string release, int major, int minor)
        => Assert.Equal(new Version(major, minor), HostChecks.VersionOf(release));

    private void Make(string id)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, id)).FullName;
        var description = new MachineDescription
        {
            Hardware = new Hardware { Cpus = 2, MemoryBytes = 1 << 29 },
            Hypervisor = "/usr/bin/qemu-system-x86_64",
            HypervisorUser = 1900000000,
            KernelCommandLine = "quiet",
        };
        File.WriteAllBytes(Path.Combine(folder, "machine.bin"), WireBytes.Of(description));
        var record = new MachineRecord { Kernel = "debian/6.1", Bundle = "/bundle" };
        File.WriteAllBytes(Path.Combine(folder, "record.bin"), WireBytes.Of(record));
    }
}
