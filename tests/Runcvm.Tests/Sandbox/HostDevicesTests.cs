using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class HostDevicesTests
{
    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/net/tun")]
    [InlineData("/dev/loop0")]
    [InlineData("/dev/kmsg")]
    public void What_the_machine_has_of_its_own_may_be_named(string path) => HostDevices.Check(Asking(path));

    [Theory]
    [InlineData("/dev/sda")]
    [InlineData("/dev/mem")]
    [InlineData("/dev/nvidia0")]
    public void A_device_of_the_host_is_refused_by_name(string path)
    {
        string message = Assert.Throws<UsageException>(() => HostDevices.Check(Asking(path))).Message;
        Assert.StartsWith($"--device {path}: ", message);
    }

    private static JsonObject Asking(string path)
        => new() { ["devices"] = new JsonArray(new JsonObject { ["path"] = path, ["type"] = "c" }) };
}
