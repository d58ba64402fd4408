using Runcvm.Guest.Network;

namespace Runcvm.Tests.Network;

public class ListeningPortsTests
{
    [Theory]
    [InlineData("   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1", "80 everywhere")]
    [InlineData("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000", "8080 loopback")]
    [InlineData("   0: 020011AC:1F90 00000000:0000 0A 00000000:00000000", "8080 everywhere")]
    [InlineData("   0: 3535FEA9:0035 00000000:0000 0A 00000000:00000000", "")]
    [InlineData("   0: 0100007F:1F90 0100007F:C000 01 00000000:00000000", "")]
    [InlineData("   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A", "443 everywhere")]
    [InlineData("   0: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A", "443 loopback")]
    [InlineData("   0: 0000000000000000FFFF00000100007F:01BB 00000000000000000000000000000000:0000 0A", "443 loopback")]
    [InlineData("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt", "")]
    [InlineData("", "")]
    public void A_line_of_the_kernel_is_a_port_or_nothing(string line, string expected)
    {
        var ports = new SortedDictionary<ushort, bool>();
        ListeningPorts.Add(line, ports);
        Assert.Equal(expected, string.Join(' ', ports.Select(static port => $"{port.Key} {(port.Value ? "loopback" : "everywhere")}")));
    }

    [Fact]
    public void A_port_with_two_listeners_counts_as_the_wider_one()
    {
        var ports = new SortedDictionary<ushort, bool>();
        ListeningPorts.Add("0: 0100007F:0050 00000000:0000 0A", ports);
        ListeningPorts.Add("1: 020011AC:0050 00000000:0000 0A", ports);
        ListeningPorts.Add("2: 0100007F:0050 00000000:0000 0A", ports);
        Assert.False(Assert.Single(ports).Value);
    }
}
