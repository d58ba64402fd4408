using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class OwnOfTheGuestTests
{
    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/urandom")]
    [InlineData("/dev/kmsg")]
    [InlineData("/dev/fuse")]
    public void A_device_of_the_hosts_kernel_is_the_machines_own(string device)
    {
        Assert.SkipUnless(File.Exists(device), $"this host has no {device}");
        Assert.Equal(device, OwnOfTheGuest.DeviceLike(device));
    }

    [Theory]
    [InlineData("/dev/tty")]
    [InlineData("/dev")]
    [InlineData("/etc/passwd")]
    [InlineData("/nonesuch")]
    public void Nothing_else_is(string path) => Assert.Null(OwnOfTheGuest.DeviceLike(path));
}
