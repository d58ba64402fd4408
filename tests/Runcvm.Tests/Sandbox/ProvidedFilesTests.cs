using System.Text;
using Runcvm.Protocol.Messages;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public class ProvidedFilesTests
{
    [Theory]
    [InlineData("# the host's own\nnameserver 127.0.0.1\nsearch example.org\n", "127.0.0.1")]
    [InlineData("nameserver 127.0.1.1\nnameserver ::1", "127.0.1.1")]
    [InlineData("nameserver 127.0.0.1\nnameserver 192.0.2.1\n", null)]
    [InlineData("nameserver fe80::1%eth0\n", null)]
    [InlineData("nameserver 169.254.53.53\n", null)]
    [InlineData("search example.org\n", null)]
    [InlineData("nameserver nonsense\n", null)]
    [InlineData("", null)]
    public void Nameservers_that_only_the_host_reaches_are_noticed(string content, string? expected)
        => Assert.Equal(expected, ProvidedFiles.UnreachableNameserver([new GuestFile("/etc/resolv.conf", Encoding.UTF8.GetBytes(content), 0x1A4, false)]));

    [Theory]
    [InlineData("nameserver 10.0.0.1\nnameserver fd00::1\nnameserver 127.0.0.1\n", "10.0.0.1 fd00::1")]
    [InlineData("nameserver 127.0.0.11\noptions ndots:0\n", null)]
    [InlineData("nameserver 127.0.0.11\n# ExtServers: [10.0.0.1 host(127.0.0.53) fd00::1]\n", "10.0.0.1 fd00::1")]
    [InlineData("nameserver 127.0.0.11\n# ExtServers: [host(127.0.0.53)]\n# Overrides: []\n", "")]
    [InlineData("search example.org\n", "")]
    public void Whom_the_namespace_asks_is_known_where_the_engine_says_it(string content, string? expected)
        => Assert.Equal(expected, ProvidedFiles.AskedNameservers(content) is not { } asked ? null
            : string.Join(' ', asked.Select(static bytes => new System.Net.IPAddress(bytes).ToString())));

    [Fact]
    public void A_container_without_that_file_has_none()
        => Assert.Null(ProvidedFiles.UnreachableNameserver([new GuestFile("/etc/hosts", Encoding.UTF8.GetBytes("nameserver 127.0.0.1\n"), 0x1A4, false)]));
}
