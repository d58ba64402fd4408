using System.Text.Json.Nodes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class GuestPathsTests
{
    [Fact]
    public void What_is_the_kernels_is_left_to_the_machine()
    {
        var paths = new JsonArray("/proc/kcore", "/etc/passwd", "/sys/", "/procfs", "/etc/../proc/acpi", "/usr/", "/");
        Assert.Equal(["/etc/passwd", "/procfs", "/usr", "/"], GuestPaths.Of(paths));
    }

    [Fact]
    public void Nothing_is_an_empty_list() => Assert.Empty(GuestPaths.Of(null));

    [Fact]
    public void A_relative_path_is_refused()
        => Assert.Contains("'etc'", Assert.Throws<UsageException>(() => GuestPaths.Of(new JsonArray("etc"))).Message);
}
