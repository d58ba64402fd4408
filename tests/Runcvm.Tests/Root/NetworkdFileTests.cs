using Runcvm.Guest.Root;

namespace Runcvm.Tests.Root;

public class NetworkdFileTests
{
    [Fact]
    public void The_machines_interfaces_are_named_and_those_that_may_come()
        => Assert.EndsWith(
            "[Match]\nName=eth0 mac-lan.7 eth[0-9]\n\n[Link]\nUnmanaged=yes\n",
            NetworkdFile.Text(["eth0", "mac-lan.7", "!eth0", "e*"]), StringComparison.Ordinal);
}
