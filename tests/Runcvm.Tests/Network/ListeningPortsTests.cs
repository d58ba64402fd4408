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
        var ports = new ListeningPorts();
        ports.Add(line, isDatagram: false);
        Assert.Equal(expected, Text(ports));
    }

    [Theory]
    [InlineData("  65: 00000000:0035 00000000:0000 07 00000000:00000000", "53 everywhere")]
    [InlineData("  65: 0100007F:0202 00000000:0000 07 00000000:00000000", "514 loopback")]
    [InlineData("  65: 3535FEA9:0035 00000000:0000 07 00000000:00000000", "")]
    [InlineData("  65: 020011AC:0202 010011AC:0035 01 00000000:00000000", "")]
    [InlineData("  65: 00000000:8000 00000000:0000 07 00000000:00000000", "")]
    [InlineData("  65: 00000000:F000 00000000:0000 07 00000000:00000000", "61440 everywhere")]
    [InlineData("  65: 00000000000000000000000000000000:14B4 00000000000000000000000000000000:0000 07", "5300 everywhere")]
    public void A_UDP_socket_without_another_end_is_a_service_unless_it_has_a_clients_port(string line, string expected)
    {
        var ports = new ListeningPorts();
        ports.Add(line, isDatagram: true);
        Assert.Equal(expected, Text(ports));
    }

    [Fact]
    public void A_port_with_two_listeners_counts_as_the_wider_one()
    {
        var ports = new ListeningPorts();
        ports.Add("0: 0100007F:0050 00000000:0000 0A", isDatagram: false);
        ports.Add("1: 020011AC:0050 00000000:0000 0A", isDatagram: false);
        ports.Add("2: 0100007F:0050 00000000:0000 0A", isDatagram: false);
        Assert.Equal("80 everywhere", Text(ports));
    }

    private static string Text(ListeningPorts ports)
        => string.Join(' ', ports.All().Select(static port => $"{port.Port} {(port.LoopbackOnly ? "loopback" : "everywhere")}"));
}
