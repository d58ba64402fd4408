using System.Text;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Tests.GuestTrials;

/// <summary>A guest boots, by messages over a stream, and fails in plain words.</summary>
public class BootTests
{
    [Fact]
    public void A_machine_boots_runs_its_program_and_stops() => TrialMachine.Run(static async machine =>
    {
        File.WriteAllText(Path.Combine(machine.Root, "etc/machine-id"), "");
        Setup setup = TrialMachine.Setup(new GuestMount("tmpfs", "tmpfs", "/run", 0, "size=1m")) with
        {
            DomainName = "example",
            Files = [new GuestFile("/etc/hosts", "127.0.0.1 localhost\n"u8.ToArray(), 0x1a4, ReadOnly: true)],
            Sysctls = [new("net.ipv4.ip_default_ttl", "77")],
        };
        TrialProcess workload = await machine.BootAsync(setup, TrialMachine.Shell(
            "cat; hostname; cat /etc/hosts /proc/sys/net/ipv4/ip_default_ttl; " +
            "(echo x >>/etc/hosts) 2>/dev/null || echo read-only; " +
            "echo $$ >/pid; mount | grep -c ' /run type tmpfs'; echo error >&2; exit 7"));
        await workload.WriteAsync("from standard input\n");
        workload.Input.End();
        (int code, string output) = await workload.EndAsync();
        Assert.Equal("from standard input\ntrial\n127.0.0.1 localhost\n77\nread-only\n1\n", output);
        Assert.Equal("error\n", await TrialMachine.ReadAsync(workload.Error));
        Assert.Equal(7, code);
        await machine.ExpectStoppedAsync();
        Assert.Equal("1\n", File.ReadAllText(Path.Combine(machine.Root, "pid")));
        Assert.Equal(33, File.ReadAllText(Path.Combine(machine.Root, "etc/machine-id")).Length);
    });

    [Fact]
    public void Questions_are_answered_while_the_program_runs() => TrialMachine.Run(static async machine =>
    {
        Setup setup = TrialMachine.Setup() with
        {
            Files = [new GuestFile("/etc/resolv.conf", "nameserver 1.1.1.1\n"u8.ToArray(), 0x1a4, false)],
        };
        TrialProcess workload = await machine.BootAsync(setup, TrialMachine.Shell("read line; cat /etc/resolv.conf"));
        await machine.SendAsync(new Flush(3));
        Assert.Equal(3U, (await machine.ExpectAsync<Flushed>()).Id);
        await machine.SendAsync(new ReadKernelLog(4));
        KernelLog log = await machine.ExpectAsync<KernelLog>();
        Assert.Equal((4U, "[    2.500000] the trial's kernel\n"), (log.Id, log.Text));
        await machine.SendAsync(new Adjust(Clock: 1));
        await machine.SendAsync(new NetworkChange([], [], ["nameserver 2.2.2.2\n"u8.ToArray()], false));
        // Answered in order: when this is, what came before has been handled.
        await machine.SendAsync(new Flush(5));
        await machine.ExpectAsync<Flushed>();
        await workload.WriteAsync("\n");
        Assert.Equal((0, "nameserver 2.2.2.2\n"), await workload.EndAsync());
        await machine.ExpectStoppedAsync();
    });

    [Theory]
    [InlineData("kernel.no_such_thing", "no sysctl kernel.no_such_thing")]
    [InlineData("kernel.pid_max", "refuses sysctl kernel.pid_max")]
    public void A_setting_that_cannot_be_is_told_and_ends_the_machine(string name, string told)
        => TrialMachine.Run(async machine =>
        await FailsAsync(machine, TrialMachine.Setup() with { Sysctls = [new(name, "nonsense")] }, told));

    [Fact]
    public void A_place_that_leads_nowhere_is_told_and_ends_the_machine() => TrialMachine.Run(static async machine =>
    {
        File.CreateSymbolicLink(Path.Combine(machine.Root, "nowhere"), "nowhere");
        await FailsAsync(machine, TrialMachine.Setup(new GuestMount("tmpfs", "tmpfs", "/nowhere", 0, "")), "/nowhere");
    });

    [Fact]
    public void A_link_of_the_image_leads_nowhere_outside_of_its_root() => TrialMachine.Run(static async machine =>
    {
        Directory.CreateDirectory(Path.Combine(machine.Root, "inside"));
        File.CreateSymbolicLink(Path.Combine(machine.Root, "out"), "/../../../inside");
        TrialProcess workload = await machine.BootAsync(
            TrialMachine.Setup(new GuestMount("tmpfs", "tmpfs", "/out/folder", 0, "size=1m")),
            TrialMachine.Shell("mount | grep -c ' /inside/folder type tmpfs'"));
        Assert.Equal((0, "1\n"), await workload.EndAsync());
        await machine.ExpectStoppedAsync();
        Assert.True(Directory.Exists(Path.Combine(machine.Root, "inside/folder")));
    });

    [Theory]
    [InlineData(MessageKind.Flush, "where it owes the set-up")]
    [InlineData((MessageKind)200, "where it owes the set-up")]
    [InlineData(MessageKind.Setup, "")]
    public void A_host_that_does_not_begin_with_the_set_up_is_told_so(MessageKind kind, string told)
        => TrialMachine.Run(async machine =>
    {
        await machine.SendAsync(kind, [7, 0, 0, 0]);
        Failed failed = await machine.ExpectAsync<Failed>();
        Assert.Contains(told, failed.Message, StringComparison.Ordinal);
        await machine.ExpectStoppedAsync();
    });

    [Fact]
    public void A_message_that_no_guest_knows_ends_the_machine() => TrialMachine.Run(static async machine =>
    {
        await machine.BootAsync(TrialMachine.Setup(), TrialMachine.Program("sleep", "1000"));
        await machine.SendAsync((MessageKind)200, []);
        Failed failed = await machine.ExpectAsync<Failed>();
        Assert.Contains("message 200, which this guest does not know", failed.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void What_connects_to_a_socket_in_the_machine_is_connected_to_the_hosts()
        => TrialMachine.Run(static async machine =>
    {
        Setup setup = TrialMachine.Setup(
            new GuestMount("socket", "", "/run/host.sock", 0, "") { Socket = 1, IsFile = true }) with
        {
            Sockets = [new HostSocket(0, 0, 0x180)],
        };
        TrialProcess workload = await machine.BootAsync(setup, TrialMachine.Program("cat"));
        string path = $"/proc/{machine.InitId}/root/run/host-sockets/1";
        using Microsoft.Win32.SafeHandles.SafeFileHandle refused = Runcvm.Linux.Sockets.UnixSocket.Connect(path);
        DialSocket dial = await machine.ExpectAsync<DialSocket>();
        await machine.SendAsync(new SocketDialled(dial.Number, 0));
        using Microsoft.Win32.SafeHandles.SafeFileHandle client = Runcvm.Linux.Sockets.UnixSocket.Connect(path);
        dial = await machine.ExpectAsync<DialSocket>();
        Assert.Equal((2U, (ushort)0), (dial.Number, dial.Socket));
        Channel down = machine.Open(9, 0), up = machine.Open(9, 1);
        await machine.SendAsync(new SocketDialled(dial.Number, 9));
        Runcvm.Linux.Files.FileDescriptor.WriteAll(client, "question"u8);
        Assert.Equal("question", await TrialMachine.ReadAsync(up, until: "question"));
        await down.WriteAsync(Encoding.UTF8.GetBytes("answer"));
        down.End();
        byte[] answer = new byte[16];
        Assert.Equal(
            "answer", Encoding.UTF8.GetString(answer, 0, Runcvm.Linux.Files.FileDescriptor.TryRead(client, answer)));
        Assert.Equal(0, Runcvm.Linux.Files.FileDescriptor.TryRead(refused, answer));
        await machine.SendAsync(new SocketDialled(99, 0));
        Failed failed = await machine.ExpectAsync<Failed>();
        Assert.Contains("connection 99, which nobody made", failed.Message, StringComparison.Ordinal);
    });

    private static async Task FailsAsync(TrialMachine machine, Setup setup, string told)
    {
        await machine.SendAsync(setup);
        Failed failed = await machine.ExpectAsync<Failed>();
        Assert.Contains(told, failed.Message, StringComparison.Ordinal);
        await machine.ExpectStoppedAsync();
    }
}
