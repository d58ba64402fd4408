using System.Runtime.InteropServices;
using System.Text.Json;
using Runcvm.FirecrackerDouble;
using Runcvm.Hypervisors.Firecracker;
using Runcvm.Linux.Events;
using Runcvm.Machines;

namespace Runcvm.Tests.FirecrackerDouble;

/// <summary>The test double keeps to Firecracker's rules, or tests on it would show nothing.</summary>
public class ApiRoutesTests
{
    [Theory]
    [InlineData("PUT", "/machine-config", """{"vcpu_count":1,"mem_size_mib":128}""", null)]
    [InlineData("PUT", "/machine-config", """{"vcpu_count":1,"mem_size_mib":128,"colour":1}""", "unknown field `colour`")]
    [InlineData("PUT", "/machine-config", """{"vcpu_count":1}""", "missing field `mem_size_mib`")]
    [InlineData("PUT", "/machine-config", """{"vcpu_count":33,"mem_size_mib":128}""", "number of vCPUs")]
    [InlineData("PUT", "/machine-config", """{"vcpu_count":3,"mem_size_mib":128,"smt":true}""", "even number if SMT")]
    [InlineData("PUT", "/machine-config", """{"vcpu_count":"1","mem_size_mib":128}""", "invalid type")]
    [InlineData("PUT", "/machine-config", "", "Empty PUT request")]
    [InlineData("PUT", "/drives/root", """{"drive_id":"other","is_root_device":false,"is_read_only":true,"path_on_host":"/dev/null"}""", "does not match")]
    [InlineData("PUT", "/drives/root", """{"drive_id":"root","is_root_device":false,"is_read_only":true,"path_on_host":"/nowhere"}""", "No such file")]
    [InlineData("PUT", "/drives/root", """{"drive_id":"root","is_root_device":false,"is_read_only":true,"path_on_host":"/dev/null","io_engine":"Fast"}""", "unknown variant")]
    [InlineData("PUT", "/vsock", """{"guest_cid":2,"uds_path":"/nowhere/v"}""", "guest_cid")]
    [InlineData("PUT", "/nothing", "{}", "Invalid request method and/or path")]
    [InlineData("DELETE", "/drives/root", "", "Invalid request method and/or path")]
    [InlineData("GET", "/version", "{}", "cannot have a body")]
    [InlineData("PATCH", "/balloon", """{"amount_mib":1}""", "not supported before starting")]
    [InlineData("PATCH", "/vm", """{"state":"Paused"}""", "not supported before starting")]
    [InlineData("PUT", "/actions", """{"action_type":"InstanceStart"}""", "without kernel configuration")]
    [InlineData("PUT", "/actions", """{"action_type":"Dance"}""", "unknown variant")]
    public void Requests_are_taken_or_refused_with_a_fault_message(string method, string path, string body, string? fault)
    {
        using var loop = new EventLoop();
        CommandLine command = CommandLine.Parse(["--level", "Off"]);
        var routes = new ApiRoutes(new Instance(loop, command, new Log(command)));
        (int status, string answer) = loop.Run(() => routes.AnswerAsync(method, path, body));
        Assert.Equal(fault == null ? 204 : 400, status);
        if (fault != null) Assert.Contains(fault, FirecrackerApi.Fault($"HTTP/1.1 {status} \r\n\r\n{answer}"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_configuration_that_we_write_is_one_that_it_takes()
    {
        var settings = new MachineSettings
        {
            Program = "",
            Architecture = Architecture.X64,
            Vmlinux = "/boot/vmlinux",
            Initramfs = "/boot/initramfs",
            KernelCommandLine = "quiet",
            Disks = [new("root", "/disks/root", true)],
            Cards = [],
            Hardware = new Hardware { Balloon = true },
        };
        using JsonDocument file = JsonDocument.Parse(FirecrackerConfiguration.Build(settings, new FirecrackerFiles("/run/hypervisor")));
        Field.Check(file.RootElement, Definitions.File);
    }

    [Theory]
    [InlineData("--sock", "x")]
    [InlineData("--no-api")]
    [InlineData("--id", "not_allowed")]
    [InlineData("--no-seccomp", "--seccomp-filter", "x")]
    [InlineData("--config-file")]
    public void A_wrong_command_line_is_refused(params string[] args)
        => Assert.Throws<FormatException>(() => CommandLine.Parse(args));
}
