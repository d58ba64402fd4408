using Runcvm.Guest.Root;
using Runcvm.Linux.Files;

namespace Runcvm.Tests.Root;

/// <summary>Lines of modules.devname, as depmod writes them.</summary>
public class StaticNodesTests
{
    [Fact]
    public void A_line_names_a_node_and_its_numbers()
    {
        Assert.Equal(
            ("net/tun", FileKind.CharacterDevice, FileStatus.Device(10, 200)),
            StaticNodes.TryParse("tun net/tun c10:200"));
        Assert.Equal(
            ("loop", FileKind.BlockDevice, FileStatus.Device(7, 300)), StaticNodes.TryParse("loop loop b7:300"));
    }

    [Theory]
    [InlineData("# Device nodes to trigger on-demand module loading.")]
    [InlineData("")]
    [InlineData("tun net/tun")]
    [InlineData("tun net/tun x10:200")]
    [InlineData("tun net/tun c10")]
    [InlineData("tun net/tun c10:-1")]
    [InlineData("tun ../tun c10:200")]
    [InlineData("tun /tun c10:200")]
    [InlineData("tun net//tun c10:200")]
    public void All_else_is_passed_over(string line) => Assert.Null(StaticNodes.TryParse(line));
}
