using Runcvm.Kernels;

namespace Runcvm.Tests.Kernels;

public sealed class OldCgroupsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("# CONFIG_MEMCG_V1 is not set\n# CONFIG_CPUSETS_V1 is not set\n", "memory and cpuset")]
    [InlineData("CONFIG_MEMCG_V1=y\n# CONFIG_CPUSETS_V1 is not set\n", "CONFIG_CPUSETS_V1 is not set")]
    public void Who_asks_for_v1_is_told_what_the_kernel_has_not(string config, string words)
        => Assert.Contains(words, OldCgroups.Notice(Of(config)), StringComparison.Ordinal);

    [Theory]
    [InlineData("CONFIG_MEMCG=y\nCONFIG_CPUSETS=y\n")]
    [InlineData("CONFIG_MEMCG_V1=y\nCONFIG_CPUSETS_V1=y\n")]
    public void Kernels_that_have_it_are_not_spoken_of(string config)
        => Assert.Null(OldCgroups.Notice(Of(config)));

    [Fact]
    public void Nothing_is_said_of_a_kernel_without_a_configuration()
        => Assert.Null(OldCgroups.Notice(Of(null)));

    private Kernel Of(string? config)
    {
        if (config != null) _folder.Write("config", config);
        return new Kernel { Name = "debian/7", Folder = _folder.Path, Release = "7" };
    }
}
